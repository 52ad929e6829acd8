"""The database: its tables, the one writer to them, and the queries by name."""
