"""A copy in memory of the database, to read from while its disk is full.

SQLite in WAL mode needs room for two files beside the database before anything can be read. A connection that has the
file for itself needs none.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine

from daemon.store import engines, schema

# In the header of an SQLite file: which versions of the format write and read it; 2 means a write-ahead log.
_FORMAT = slice(18, 20)


def open_copy(path: Path) -> Engine | None:
    """An engine that reads a copy of the file at `path`; None if there is none to be read by this version."""
    try:
        content = _content(path)
    except sqlite3.Error:
        return None
    engine = engines.memory_engine(content)
    with engine.begin() as c:
        if schema.version(c) == schema.HEAD:
            return engine
    engine.dispose()
    return None


def _content(path: Path) -> bytes:
    with (
        closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as source,
        closing(sqlite3.connect(":memory:")) as copy,
    ):
        source.execute("PRAGMA locking_mode = EXCLUSIVE")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # takes the lock, or raises; backup would wait
        source.backup(copy)
        content = bytearray(copy.serialize())
    content[_FORMAT] = b"\x01\x01"
    return bytes(content)
