"""Where model versions are stored: tasks and steps publish, fetch and delete them by name, wherever the files are."""
