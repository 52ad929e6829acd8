"""The desk over HTTP: read its records, start and pause its jobs."""
