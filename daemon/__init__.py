"""The running desk: schedule, runs, workers, serving, alerts, API and command line."""
