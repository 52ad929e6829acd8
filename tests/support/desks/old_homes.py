"""A home that an older Nightdesk has made, and its database on either server."""

from __future__ import annotations

import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, Table, insert, select, text

from config.paths import Home
from daemon.store import engines, schema
from tests.support.servers.postgres import fresh_postgres_url

ARCHIVE = Path(__file__).parents[2] / "golden" / "home_0001.tar.xz"
REVISION = "0001"


def old_home(folder: Path) -> Home:
    """Two nights of a desk whose database is at revision 0001; see `tests/golden/regenerate_home_0001.py`."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return Home(folder)


def old_place(kind: str, folder: Path) -> Path | str:
    """Where the database of that home may be opened: its file, or a PostgreSQL database with the same rows."""
    home = old_home(folder)
    if kind == "sqlite":
        return home.database
    url = fresh_postgres_url()
    source, target = engines.sqlite_engine(home.database, read_only=True), engines.postgresql_engine(url)
    with source.begin() as old, target.begin() as new:
        _upgrade(new, REVISION)
        _copy(old, new)
    source.dispose()
    target.dispose()
    return url


def rows_of(path: Path, table: str) -> list[dict[str, object]]:
    """The rows of a table of a SQLite file, as they are stored, by id."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY id")]


def _upgrade(c: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    config.attributes["connection"] = c
    command.upgrade(config, revision)


def _copy(old: Connection, new: Connection) -> None:
    """Every row, in an order that foreign keys allow; the next id follows the highest one."""
    for table in _tables(new):
        rows = [dict(row._mapping) for row in old.execute(select(_reflected(old, table.name)))]
        if rows:
            new.execute(insert(table), rows)
        if rows and "id" in table.c:
            new.execute(text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), max(id)) FROM {table.name}"))


def _tables(c: Connection) -> list[Table]:
    metadata = MetaData()
    metadata.reflect(c)
    return [table for table in metadata.sorted_tables if table.name != "alembic_version"]


def _reflected(c: Connection, name: str) -> Table:
    return Table(name, MetaData(), autoload_with=c)
