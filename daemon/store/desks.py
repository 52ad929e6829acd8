"""Which desk a database belongs to, and which of its processes may write: one row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, text, update

from daemon.store.rows import first_as
from daemon.store.tables import desks, runs


@dataclass(frozen=True)
class DeskRow:
    """The desk of a database, and the process that entered it last.

    Args:
        id: of the desk; it is the same in its home.
        made_at: when the desk was made.
        instance: the process that holds the lease, see `daemon.domain.runs.Owner`.
        host: the machine of that process.
        since: when it entered.
        highest_run: the highest number of a run that was seen on disk; the numbers of new runs are above it.
    """

    id: str
    made_at: datetime
    instance: str
    host: str
    since: datetime
    highest_run: int


def current(c: Connection) -> DeskRow | None:
    """The desk of this database; None before the first one entered it."""
    return first_as(c, DeskRow, select(desks).order_by(desks.c.since.desc()))


def enter(c: Connection, desk: str, *, instance: str, host: str, now: datetime) -> None:
    """Note that the process `instance` of `desk` is the one that may write from now on."""
    entry = {"instance": instance, "host": host, "since": now}
    if c.execute(update(desks).where(desks.c.id == desk).values(**entry)).rowcount == 0:
        c.execute(insert(desks).values(id=desk, made_at=now, highest_run=0, **entry))


def continue_above(c: Connection, highest_run: int) -> None:
    """Let the numbers of new runs be above `highest_run`, which the files of a desk have used."""
    c.execute(update(desks).where(desks.c.highest_run < highest_run).values(highest_run=highest_run))
    if c.dialect.name == "postgresql":
        newest = select(func.coalesce(func.max(runs.c.id), 1)).scalar_subquery()
        sequence = func.pg_get_serial_sequence("runs", "id")
        c.execute(select(func.setval(sequence, func.greatest(newest, highest_run))))


def number_above(c: Connection) -> int | None:
    """The number that a new run must be given; None where the database itself counts on from the right one."""
    if c.dialect.name == "postgresql":
        return None
    newest = select(func.max(runs.c.id)).scalar_subquery()
    highest, used = c.execute(select(func.max(desks.c.highest_run), newest)).one()
    return highest + 1 if highest is not None and highest > (used or 0) else None


def holder(c: Connection) -> tuple[str | None, str | None]:
    """The process that may write, and on a server the number of this transaction.

    The row is locked until the end of the transaction: another process that enters waits for it, and no write of the
    one before it can follow.
    """
    if c.dialect.name != "postgresql":
        return c.execute(select(desks.c.instance)).scalar(), None
    row = c.execute(text("SELECT instance, txid_current()::text FROM desks FOR SHARE")).first()
    return (row[0], row[1]) if row is not None else (None, None)
