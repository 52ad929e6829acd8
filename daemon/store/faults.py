"""The errors of a database as errors of the desk: a code, a sentence, a cure."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from config.errors import NightdeskError
from daemon.domain.exhaustion import DESCRIPTORS

CLOSED = "store.closed"
CORRUPT = "store.corrupt"
DISK_FULL = "store.disk_full"
MISSING = "store.missing"
TAKEN = "store.taken"
UNREACHABLE = "store.unreachable"
# Faults that pass by themselves: the server is restarted, or another one becomes the primary.
PASSING = frozenset({UNREACHABLE, "store.read_only"})


class StoreError(NightdeskError):
    """The database could not do its work; the query was right."""


_CURES = {
    CLOSED: ("The database is closed", "Start the desk again."),
    "home.read_only": ("The home cannot be written", "Make the folder writable for the user that runs Nightdesk."),
    "store.disk_full": ("The disk is full; nothing of this write was kept", "Free space; the desk goes on by itself."),
    "store.disk_error": ("The disk failed under the database", "Check the disk and the kernel's log."),
    DESCRIPTORS: ("The desk has no file descriptors left", "Raise the limit of open files (LimitNOFILE, ulimit -n)."),
    "store.busy": ("Another process holds the database", "Stop what else writes to it; a second desk is refused."),
    CORRUPT: ("The database file is damaged", "Restart the desk: it restores the newest sound backup."),
    MISSING: (
        "The database file is missing, empty, or was replaced by another",
        "Restart the desk: it restores the newest sound backup.",
    ),
    TAKEN: (
        "Another process has entered the database as its desk",
        "Let one desk at a time work with a database; `nightdesk status` of the other names it.",
    ),
    "store.read_only": ("The database server takes no writes", "Point the database URL at the primary server."),
    UNREACHABLE: ("The database server does not answer", "Start it, or mend the database URL."),
}
_SQLITE = {
    sqlite3.SQLITE_READONLY: "home.read_only",
    sqlite3.SQLITE_PERM: "home.read_only",
    sqlite3.SQLITE_CANTOPEN: "home.read_only",
    sqlite3.SQLITE_FULL: "store.disk_full",
    sqlite3.SQLITE_IOERR: "store.disk_error",
    sqlite3.SQLITE_BUSY: "store.busy",
    sqlite3.SQLITE_CORRUPT: CORRUPT,
    sqlite3.SQLITE_NOTADB: CORRUPT,
}
_POSTGRESQL = {
    "53100": "store.disk_full",
    "25006": "store.read_only",
    "58030": "store.disk_error",
    "XX001": "store.disk_error",  # a damaged page
    "XX002": "store.disk_error",  # a damaged index
    "55P03": "store.busy",  # no lock within lock_timeout
    "57014": "store.busy",  # not done within statement_timeout
}
# What SQLite says of a broken disk, and also of a full one: of the files beside the database it tells them not apart.
_EITHER = ("store.disk_error", "home.read_only")
# A disk with less than this has no room for those files.
_ROOM = 64 * 1024


def fault(code: str, reason: object) -> StoreError:
    """The error for `code`, with the message of the database."""
    problem, cure = _CURES[code]
    return StoreError(code, f"{problem} ({str(reason).strip()}).", cure)


def meaning(code: str) -> tuple[str, str] | None:
    """The sentence and the cure of `code`; None if it is no fault of a database."""
    return _CURES.get(code)


def explain(error: BaseException, path: Path | None = None) -> StoreError | None:
    """The fault behind a database error; None where the query is at fault. `path` is that of an embedded database."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        code = _SQLITE.get(getattr(cause, "sqlite_errorcode", -1) & 0xFF)
        code = _full_or_broken(code, path) if code in _EITHER and path is not None else code
    elif code := _POSTGRESQL.get(getattr(cause, "sqlstate", None) or ""):
        pass
    elif isinstance(error, DBAPIError) and (error.connection_invalidated or _is_operational(cause)):
        code = UNREACHABLE
    return fault(code, cause) if code else None


def _is_operational(cause: BaseException | None) -> bool:
    """Whether the server or the way to it failed, by the base class that every driver gives such errors."""
    return any(kind.__name__ == "OperationalError" for kind in type(cause).__mro__)


def _full_or_broken(code: str, path: Path) -> str:
    """The code of a full disk or of a lack of descriptors, if that is what keeps the file at `path`; else `code`."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        disk = os.statvfs(path.parent)
    except OSError as error:
        return DESCRIPTORS if error.errno in (errno.EMFILE, errno.ENFILE) else code
    full = disk.f_bavail * disk.f_frsize < _ROOM or (disk.f_files > 0 and disk.f_favail == 0)
    return DISK_FULL if full else code
