"""Headlines with the time they were first seen, and their sentiment."""
