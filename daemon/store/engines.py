"""Engines: how the desk connects to its database, to write and to read."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from config.errors import ConfigError
from daemon.store.faults import CORRUPT, fault

BUSY_MS = 5000
READERS = 4
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+]{0,30})://")
# A server that does not answer is noticed within 25 s, on both sides: by the kernel's probes while a connection is idle
# (seconds), and by what it does not acknowledge (milliseconds). The server then lets go of locks, too.
KEEPALIVES = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 15_000}
_SESSION = {
    "tcp_keepalives_idle": KEEPALIVES["keepalives_idle"],
    "tcp_keepalives_interval": KEEPALIVES["keepalives_interval"],
    "tcp_keepalives_count": KEEPALIVES["keepalives_count"],
    "tcp_user_timeout": KEEPALIVES["tcp_user_timeout"],
    "statement_timeout": 60_000,
    "lock_timeout": 10_000,
    "idle_in_transaction_session_timeout": 120_000,
}
# A document with NaN in it is refused where it is written: PostgreSQL would refuse it, and no reader could parse it.
_to_json = partial(json.dumps, allow_nan=False)


def sqlite_engine(path: Path, *, read_only: bool = False, foreign_keys: bool = True) -> Engine:
    """An engine on the file at `path`; a writer begins with BEGIN IMMEDIATE, so it never waits half-way."""
    mode, query_only = ("ro", "ON") if read_only else ("rwc", "OFF")

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{path.as_uri()}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
            if not read_only:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
            connection.execute(f"PRAGMA query_only = {query_only}")
        except sqlite3.Error:
            connection.close()  # it would hold its lock until it is collected
            raise
        return connection

    engine = create_engine("sqlite://", creator=connect, json_serializer=_to_json, **_pool(read_only))
    begin = "BEGIN" if read_only else "BEGIN IMMEDIATE"
    event.listen(engine, "begin", lambda c: c.exec_driver_sql(begin))
    return engine


def memory_engine(content: bytes) -> Engine:
    """An engine that reads `content`, the bytes of an SQLite file; each connection has a copy of its own."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        connection.deserialize(content)
        connection.execute("PRAGMA query_only = ON")
        return connection

    engine = create_engine("sqlite://", creator=connect, json_serializer=_to_json, **_pool(read_only=True))
    event.listen(engine, "begin", lambda c: c.exec_driver_sql("BEGIN"))
    return engine


@contextmanager
def reading(path: Path) -> Iterator[Connection]:
    """A read-only connection to a snapshot that nobody writes."""
    engine = sqlite_engine(path.absolute(), read_only=True)
    try:
        with engine.begin() as c:
            yield c
    finally:
        engine.dispose()


def row_of_snapshot(path: Path, query: str) -> Any:
    """The first row of a query to an SQLite file of any revision that nobody writes; a damaged one is a StoreError."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            return connection.execute(query).fetchone()
    except sqlite3.DatabaseError as error:
        raise fault(CORRUPT, error) from error


def postgresql_engine(url: URL, *, read_only: bool = False) -> Engine:
    """An engine on the PostgreSQL server of `url`; a reader sees one moment for as long as it reads, as in SQLite."""
    try:
        engine = _server_engine(url, read_only=read_only)
    except ModuleNotFoundError as error:
        raise ConfigError(
            "store.driver",
            f"The driver of PostgreSQL is not installed ({error.name}).",
            "Run `pip install 'nightdesk[postgres]'`, or leave database.url out for the embedded database.",
        ) from error
    event.listen(engine, "connect", _set_limits)
    return engine


def _server_engine(url: URL, *, read_only: bool) -> Engine:
    return create_engine(
        url,
        connect_args={"connect_timeout": 10, **KEEPALIVES},
        isolation_level="REPEATABLE READ" if read_only else "READ COMMITTED",
        execution_options={"postgresql_readonly": read_only},
        pool_pre_ping=True,
        json_serializer=_to_json,
        **_pool(read_only),
    )


def _set_limits(connection: Any, _: object) -> None:
    """Set the limits of a session on the server: nothing waits for ever."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("".join(f"SET {name} = {value};" for name, value in _SESSION.items()))
        connection.commit()
    except BaseException:
        connection.close()  # nobody else has it yet
        raise


def postgresql_url(text: str) -> URL:
    """The URL of a PostgreSQL database, spoken to by psycopg 3."""
    try:
        url = make_url(text)
    except ArgumentError:
        url = None
    if url is None or url.drivername not in ("postgres", "postgresql", "postgresql+psycopg"):
        scheme = _SCHEME.match(text)  # of a text that is no URL, nothing is shown: it may be a password
        raise ConfigError(
            "store.url",
            f"The database URL begins with {scheme[1]!r}." if scheme else "The database URL is no URL.",
            "Write postgresql://user@host/database, or leave it out for the embedded database.",
        )
    return url.set(drivername="postgresql+psycopg")


def _pool(read_only: bool) -> dict[str, Any]:
    return {"poolclass": QueuePool, "pool_size": READERS if read_only else 1, "max_overflow": 0, "pool_timeout": 30}
