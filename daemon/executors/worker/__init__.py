"""The worker process: what it does, its protocol with the daemon, and how it is started and ended."""
