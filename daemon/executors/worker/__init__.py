"""The worker process: what it does, how the daemon speaks with it, and how it is started and ended."""
