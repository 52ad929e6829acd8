"""The whole database as blocks of compressed JSON lines, and a database made of them.

The blocks are the same for SQLite and PostgreSQL. A block holds the rows of one table whose ids lie in one range; the
ranges depend on the highest id alone, so rows that are added change the last few blocks of a table and no other:

    highest id 4,140:  0-4095, 4096-4127, 4128-4143
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, URL, Connection, DateTime, Integer, MetaData, Table, func, select, text
from sqlalchemy.exc import DBAPIError

from config.errors import NightdeskError
from daemon.store import engines, runs, schema
from daemon.store.blocks import damaged_block, packed, rows_of
from daemon.store.database import check
from daemon.store.tables import desks, metadata

# Ids in the largest block and in the smallest.
LARGEST, SMALLEST = 4096, 16


@dataclass(frozen=True)
class Dump:
    """A database at one moment: its revision, its rows, and the blocks of each table.

    The row of the desk itself is not counted: a database that has nothing else knows nothing worth restoring.
    """

    revision: str
    rows: int
    tables: Mapping[str, tuple[bytes, ...]]


def dump(c: Connection) -> Dump:
    """Every row of every table, as the transaction of `c` sees them."""
    tables: dict[str, tuple[bytes, ...]] = {}
    count = 0
    for table in metadata.sorted_tables:
        rows = [list(row) for row in c.execute(select(table).order_by(*table.primary_key.columns))]
        count += len(rows) if table is not desks else 0
        columns = [column.name for column in table.columns]
        tables[table.name] = tuple(packed([columns, *block]) for block in _blocks(table, rows))
    return Dump(schema.HEAD, count, tables)


def _is_numbered(table: Table) -> bool:
    """Whether the rows have ids that count up."""
    return "id" in table.columns and isinstance(table.columns["id"].type, Integer)


def _blocks(table: Table, rows: list[list[Any]]) -> Iterator[list[list[Any]]]:
    """The rows by their blocks; those without any are left out. A table without numbers has one block."""
    if not _is_numbered(table):
        yield from [rows] if rows else []
        return
    key = list(table.columns.keys()).index("id")
    block: list[list[Any]] = []
    ends = _ends(rows[-1][key] if rows else -1)
    end = next(ends, 0)
    for row in rows:
        while row[key] >= end:
            if block:
                yield block
            block, end = [], next(ends)
        block.append(row)
    if block:
        yield block


def _ends(highest: int) -> Iterator[int]:
    """The first id after each block, of a table whose highest id is `highest`."""
    start, after = 0, -(-(highest + 1) // SMALLEST) * SMALLEST
    while start < after:
        size = LARGEST
        while size > after - start:
            size //= 2
        start += size
        yield start


def build_sqlite(path: Path, revision: str, tables: Mapping[str, Iterable[bytes]]) -> None:
    """Make the SQLite database at `path` of these blocks, migrated to this version, and check it to the last page."""
    engine = engines.sqlite_engine(path.absolute(), foreign_keys=False)
    try:
        with engine.begin() as c:
            _fill(c, revision, tables)
            if broken := c.exec_driver_sql("PRAGMA foreign_key_check").first():
                raise damaged_block(f"a row of {broken[0]} refers to a row of {broken[2]} that is missing")
    except DBAPIError as error:
        raise damaged_block(str(error.orig)) from error
    finally:
        engine.dispose()
    check(path)


def fill_postgresql(url: str, revision: str, tables: Mapping[str, Iterable[bytes]]) -> None:
    """Fill the empty PostgreSQL database at `url` with these blocks, migrated to this version; all of it or nothing."""
    engine = engines.postgresql_engine(_checked(url))
    try:
        with engine.begin() as c:
            if schema.version(c) is not None and not _is_empty(c):
                raise NightdeskError(
                    "restore.not_empty",
                    "The PostgreSQL database of the config is in use already.",
                    "Give the restored desk an empty database, or drop this one.",
                )
            _fill(c, revision, tables)
    except DBAPIError as error:
        raise damaged_block(str(error.orig)) from error
    finally:
        engine.dispose()


def _checked(url: str) -> URL:
    return engines.postgresql_url(url)


def _is_empty(c: Connection) -> bool:
    return not any(c.execute(select(func.count()).select_from(table)).scalar() for table in metadata.sorted_tables)


def _fill(c: Connection, revision: str, tables: Mapping[str, Iterable[bytes]]) -> None:
    schema.refuse_newer(revision)
    if schema.version(c) is None:
        schema.create_at(c, revision)
    reflected = MetaData()
    reflected.reflect(c)
    if unknown := tables.keys() - reflected.tables.keys():
        raise damaged_block(f"it has a table {min(unknown)!r}, which revision {revision} has not")
    for table in reflected.sorted_tables:
        for block in tables.get(table.name, ()):
            _insert(c, table, block)
        if c.dialect.name == "postgresql" and _is_numbered(table):
            _continue_sequence(c, table)
    if revision != schema.HEAD:
        schema.migrate(c)
    _end_backup_run(c)


def _end_backup_run(c: Connection) -> None:
    """End the run that took this backup: it was at work when its database was read, and did not die."""
    for run in runs.active(c):
        if run.job == "backup":
            runs.finish(c, run.id, "cancelled", datetime.now(UTC), cause="restored", attempts=1)


def _insert(c: Connection, table: Table, block: bytes) -> None:
    for column in table.columns:
        if isinstance(column.type, JSON):
            column.type = JSON(none_as_null=True) if column.nullable else JSON()
    instants = [column.name for column in table.columns if isinstance(column.type, DateTime)]
    rows = list(rows_of([block]))
    if rows and rows[0].keys() != set(table.columns.keys()):
        raise damaged_block(f"its {table.name} have other columns than those of their revision")
    for row in rows:
        for name in instants:
            if row[name] is not None:
                instant = datetime.fromisoformat(row[name])
                row[name] = instant.replace(tzinfo=None) if c.dialect.name == "sqlite" else instant
    if rows:
        c.execute(table.insert(), rows)


def _continue_sequence(c: Connection, table: Table) -> None:
    highest = c.execute(select(func.max(table.c.id))).scalar()
    if highest is not None:
        c.execute(
            text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :highest)"),
            {"name": table.name, "highest": highest},
        )
