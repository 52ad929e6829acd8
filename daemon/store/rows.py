"""Rows in and out: inserts that tell the id, and queries that answer in frozen dataclasses."""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import Connection, Select, Table
from sqlalchemy.dialects import sqlite

Row = TypeVar("Row")


def all_as(c: Connection, kind: type[Row], query: Select[Any]) -> list[Row]:
    """Every row of `query` as a `kind`, whose fields are its columns."""
    return [kind(**row._mapping) for row in c.execute(query)]  # noqa: SLF001 (SQLAlchemy's public name for it)


def insert(c: Connection, table: Table, **values: Any) -> int:
    """Insert a row and return its id."""
    inserted: int = c.execute(table.insert().values(**values).returning(table.c.id)).scalar_one()
    return inserted


def first_as(c: Connection, kind: type[Row], query: Select[Any]) -> Row | None:
    """The first row of `query` as a `kind`, or None."""
    return next(iter(all_as(c, kind, query.limit(1))), None)


def upsert(c: Connection, table: Table) -> Any:
    """An INSERT into `table` that knows ON CONFLICT, in the dialect of `c`."""
    if c.dialect.name != "postgresql":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 -- 50 ms of every start, for those who do not use it

    return postgresql.insert(table)


def insert_once(c: Connection, table: Table, key: tuple[str, ...], **values: Any) -> int | None:
    """Insert a row and return its id; None if a row with the same unique `key` exists."""
    statement = upsert(c, table).values(**values).on_conflict_do_nothing(index_elements=key).returning(table.c.id)
    inserted: int | None = c.execute(statement).scalar()
    return inserted
