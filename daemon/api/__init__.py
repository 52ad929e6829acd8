"""The desk over HTTP: read what it knows, start and pause its jobs."""
