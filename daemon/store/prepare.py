"""What is done with a database before anybody uses it: it is checked, and given the tables that this code expects."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from config.errors import UsageError
from daemon.store import engines, schema
from daemon.store.faults import CORRUPT, UNREACHABLE, StoreError, explain, fault


def sqlite_engines(path: Path) -> tuple[Engine, Engine]:
    """The engines of the one writer and of the readers; the folder of the file is made."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise fault("home.read_only", error.strerror) from error
    return engines.sqlite_engine(path), engines.sqlite_engine(path, read_only=True)


def prepare(path: Path | None, writer: Engine) -> None:
    """Check the file at `path` (None for a server); make the tables, or bring older ones up to date."""
    if path is not None:
        with writer.connect() as c:
            answer = c.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if answer != "ok":
            raise fault(CORRUPT, answer)
    with writer.begin() as c:
        schema.lock(c)
        revision = schema.version(c)
        if revision is None:
            schema.create(c)
    if revision is not None and revision != schema.HEAD:
        schema.refuse_newer(revision)
        _migrate(path, writer)


def unreachable(url: str) -> StoreError | None:
    """The error of a server at the URL `url` that does not answer; None from one that does, if only to refuse."""
    engine = engines.postgresql_engine(engines.postgresql_url(url), read_only=True)
    try:
        with engine.connect():
            return None
    except DBAPIError as error:
        meaning = explain(error)
        return meaning if meaning is not None and meaning.code == UNREACHABLE else None
    finally:
        engine.dispose()


def refuse_unprepared(url: str) -> None:
    """Raise unless the database at the URL `url` has the tables of this version: only a desk makes or changes them."""
    engine = engines.postgresql_engine(engines.postgresql_url(url), read_only=True)
    try:
        with engine.connect() as c:
            revision = schema.version(c)
    except DBAPIError as error:
        raise explain(error) or error from error
    finally:
        engine.dispose()
    if revision is None:
        raise UsageError("store.empty", "The database has no desk yet.", "Start the desk: `nightdesk run`.")
    schema.refuse_newer(revision)
    if revision != schema.HEAD:
        raise UsageError(
            "store.older",
            f"The database is at revision {revision}, of an older Nightdesk; this one reads {schema.HEAD}.",
            "Start the desk, which brings it up to date: `nightdesk run`.",
        )


def _migrate(path: Path | None, writer: Engine) -> None:
    # SQLite alters a table by copying it, which foreign keys forbid; they cannot be put off inside a transaction.
    engine = writer if path is None else engines.sqlite_engine(path, foreign_keys=False)
    with engine.begin() as c:
        schema.lock(c)
        if schema.version(c) != schema.HEAD:  # another process may have been faster
            schema.migrate(c)
    if engine is not writer:
        engine.dispose()
