"""Where tasks run: an executor takes a task and answers with its outcome, whatever becomes of the process."""
