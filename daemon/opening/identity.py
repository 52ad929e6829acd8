"""The id of a desk: made once, kept in its home and in its database, so that no home works with another's database."""

from __future__ import annotations

import re
import socket
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from config.errors import ConfigError
from config.publish import publish_bytes
from daemon.domain.exhaustion import exhaustion
from daemon.domain.runs import Owner
from daemon.opening.traces import highest_run, traces
from daemon.store import desks, runs
from daemon.store.faults import DISK_FULL, StoreError, fault

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from config.paths import Home
    from daemon.store.database import Database
    from daemon.store.desks import DeskRow

_ID = re.compile(r"[0-9a-f]{32}")


def desk_id(home: Home) -> str | None:
    """The id that a home holds; None before a desk has lived there."""
    try:
        text = home.desk_id.read_text("ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _unreadable(home, str(error)) from error
    if not _ID.fullmatch(text):
        raise _unreadable(home, "it is no id of 32 digits and letters a to f")
    return text


def readable_id(home: Home) -> str | None:
    """The id that a home holds; None also where a power cut tore it: an embedded database holds it too."""
    try:
        return desk_id(home)
    except ConfigError:
        return None


def _owned_id(home: Home, database: Database) -> str | None:
    return readable_id(home) if database.embedded else desk_id(home)


def enter(home: Home, database: Database, now: datetime) -> str:
    """Make this process the one that may write, for the desk of this home; returns the id of the desk.

    The numbers of runs go on above those that files in the home have used.

    Raises:
        ConfigError: `desk.foreign` for the database of another desk; `store.missing` for an empty one on a server,
            where that of this home was.
    """
    owned, row = refuse_foreign(home, database)
    if row is None and owned is not None and not database.embedded and not database.read(runs.any_run) and traces(home):
        raise _empty_server(home, owned)
    desk = row.id if row is not None else owned or uuid4().hex
    try:
        _record(home, database, desk, now)
    except (OSError, StoreError):
        if not database.embedded:
            raise
        # on a full disk: the lock of the home is enough, and what serves can still be read; see `enter_late`
    return desk


def enter_late(home: Home, database: Database, desk: str, now: datetime) -> None:
    """Make up for an `enter` that a full disk kept from writing.

    Raises:
        StoreError: while the disk takes no writes.
    """
    row = database.read(desks.current)
    if row is not None and row.instance == Owner.me().instance:
        return
    try:
        _record(home, database, desk, now)
    except OSError as error:
        full = exhaustion(error) is not None
        raise fault(DISK_FULL if full else "home.read_only", error) from error


def _record(home: Home, database: Database, desk: str, now: datetime) -> None:
    """Write the id of the desk to its home, and to the database that this process is the one that may write."""
    instance, highest = Owner.me().instance, highest_run(home)

    def change(c: Connection) -> None:
        desks.enter(c, desk, instance=instance, host=socket.gethostname()[:64], now=now)
        if highest > runs.newest_number(c):
            desks.continue_above(c, highest)

    if _owned_id(home, database) is None:
        publish_bytes(home.desk_id, f"{desk}\n".encode())
    database.write(change)
    database.require(instance)


def refuse_foreign(home: Home, database: Database) -> tuple[str | None, DeskRow | None]:
    """The id that the home holds and the desk of the database; raise `desk.foreign` where they differ."""
    owned, row = _owned_id(home, database), database.read(desks.current)
    if row is not None and row.id != owned and not (owned is None and database.embedded):
        raise _foreign(home, owned, row)
    return owned, row


def _unreadable(home: Home, reason: str) -> ConfigError:
    return ConfigError(
        "desk.id",
        f"The id of the desk in {home.relative(home.desk_id)} cannot be read: {reason}.",
        "Restore the file from a backup. Its content is the id in the table `desks` of the database.",
    )


def _foreign(home: Home, owned: str | None, row: DeskRow) -> ConfigError:
    whose = f"of the desk {owned}" if owned is not None else "without a desk"
    name = home.relative(home.desk_id)
    return ConfigError(
        "desk.foreign",
        f"The database belongs to the desk {row.id}, last on {row.host} since {row.since:%Y-%m-%d %H:%M} UTC; "
        f"this home is one {whose}.",
        "Give this home a database of its own. If it is that desk's home, moved or restored without its "
        f"{name}, write that id into {name}.",
        desk=row.id,
        home_desk=owned,
    )


def _empty_server(home: Home, owned: str) -> ConfigError:
    return ConfigError(
        "store.missing",
        f"The database on the server is empty, but this home is of the desk {owned} and holds {traces(home)}.",
        "Check the database URL, or restore the database (pg_restore). To begin a new ledger on purpose, move "
        f"{home.relative(home.desk_id)} out of the home; the models are then adopted as challengers.",
        desk=owned,
    )
