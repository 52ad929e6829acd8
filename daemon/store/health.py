"""Whether the database can be read: the file that it was opened as, and rows of the tables that everyone asks for."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, func, select

from daemon.store.faults import CORRUPT, MISSING, fault
from daemon.store.tables import alerts, desks, model_versions, runs, signals

MAGIC = b"SQLite format 3\0"


def look_at_file(path: Path, inode: int) -> None:
    """Raise unless the SQLite file at `path` is the one that was opened, and still begins like one."""
    try:
        stat = path.stat()
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
    except OSError as error:
        raise fault(MISSING, error.strerror or error) from error
    if stat.st_ino != inode:
        raise fault(MISSING, "another file has its name")
    if start != MAGIC:
        raise fault(CORRUPT, "its first bytes are not those of a database")


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
