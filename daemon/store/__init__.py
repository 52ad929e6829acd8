"""What the desk remembers: the tables, the one writer to them, and the queries by name."""
