"""The machine beneath: clock, lock, log, service manager."""
