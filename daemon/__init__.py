"""The desk at work: schedule, runs, workers, serving, alerts, API and command line."""
