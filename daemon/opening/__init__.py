"""How a desk gets its database: opened, restored where it is lost, and claimed for this home alone."""
