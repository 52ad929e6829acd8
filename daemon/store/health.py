"""Whether the database can be read: the file that it was opened as, and rows of the tables that everyone asks for."""

from __future__ import annotations

import errno
from pathlib import Path

from sqlalchemy import Connection, func, select

from daemon.domain.exhaustion import DESCRIPTORS
from daemon.store.faults import CORRUPT, MISSING, fault
from daemon.store.tables import alerts, desks, model_versions, runs, signals

MAGIC = b"SQLite format 3\0"


def look_at_file(path: Path, inode: int) -> None:
    """Raise unless the SQLite file at `path` is the one that was opened, and still begins like one."""
    try:
        if path.stat().st_ino != inode:
            raise fault(MISSING, "another file has its name")
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
    except OSError as error:
        raise fault(_code(error), error.strerror or error) from error
    if start != MAGIC:
        raise fault(CORRUPT, "its first bytes are not those of a database")


def _code(error: OSError) -> str:
    """Only a file that is not there is missing; whatever else keeps it from being read may pass."""
    if isinstance(error, FileNotFoundError):
        return MISSING
    if isinstance(error, PermissionError):
        return "home.read_only"
    return DESCRIPTORS if error.errno in (errno.EMFILE, errno.ENFILE) else "store.disk_error"


def read_sample(c: Connection) -> str | None:
    """Read a row or an index of each table that the status page needs; returns the process that may write."""
    for query in (
        select(func.max(runs.c.id)),
        select(func.count()).select_from(model_versions).where(model_versions.c.state == "champion"),
        select(alerts.c.id).where(alerts.c.state != "resolved").limit(1),
        select(signals).order_by(signals.c.id.desc()).limit(1),
    ):
        c.execute(query).first()
    entered: str | None = c.execute(select(desks.c.instance)).scalar()
    return entered
