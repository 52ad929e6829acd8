"""How an older database becomes this one: what Alembic reads."""
