"""Alembic revisions, newest last."""
