"""A room for each job: `step` plans its tasks in the daemon, `tasks` does them in workers, `messages` is between."""
