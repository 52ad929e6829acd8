"""Named points at which a process of a desk can be killed: around every rename, link and fsync, every commit, and
every put and delete in a bucket.

`install` wraps the functions that everything passes which becomes visible to another process: `os.replace`, `os.rename`
and `os.link`, by which files and folders are published (pathlib and shutil call them too), `os.fsync`, the commit of
SQLAlchemy, and `put` and `delete` of the S3 buckets that are opened. The code of the desk holds none of this, and a new
publish or commit has its points without being named anywhere. Files count only below the folder
`NIGHTDESK_FAILPOINTS_ROOT`.

A point is named by an object, an operation and a side: `model.rename.after`, `claim.commit.before`. A commit is named
by the weightiest of what its transaction wrote (`COMMITS`).

    NIGHTDESK_FAILPOINT        `NAME N VICTIM`: kill at the N-th passing of this point in one process. The victim is
                               `self`, or `desk`: in a worker the daemon first, then the worker itself
    NIGHTDESK_FAILPOINT_TRACE  a file; the name of each point that is passed is appended to it
    NIGHTDESK_FAILPOINT_DEATHS a file; the name of the point is appended to it just before the kill, and a process that
                               finds a name there is not killed: a plan kills once
    NIGHTDESK_FAILPOINT_HURRY  a file; once it is there, any point kills, whatever its name
"""

from __future__ import annotations

import fcntl
import functools
import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT, DEATH = "NIGHTDESK_FAILPOINTS_ROOT", "NIGHTDESK_FAILPOINT"
TRACE, DEATHS = "NIGHTDESK_FAILPOINT_TRACE", "NIGHTDESK_FAILPOINT_DEATHS"
HURRY = "NIGHTDESK_FAILPOINT_HURRY"
SIDES = ("before", "after")
# What an object of a bucket is named by; the first that its key matches.
_KEYS = (
    ("remote_object", re.compile(r"(^|/)backup_objects/")),
    ("remote_manifest", re.compile(r"(^|/)backup_[0-9_]+/manifest\.json$")),
    ("remote", re.compile(r"")),
)

# What a path below the root belongs to; the first that matches.
_FILES = (
    # A backup is made in a hidden folder of `models`, as is a version; the names of these differ in length.
    ("backup", re.compile(r"/models/(backup_|\.unfinished-([0-9a-f]{32}|backup_.*)(/|$))|/backups?/")),
    ("model", re.compile(r"/models/")),
    ("bars", re.compile(r"/data/")),
    ("report", re.compile(r"/results/")),
    ("log", re.compile(r"/logs/")),
    ("home", re.compile(r"")),
)
# What a transaction is named by; the first that one of its statements matches.
COMMITS = (
    ("claim", re.compile(r"UPDATE runs SET .*\bowner=")),
    ("decision", re.compile(r"INSERT INTO decisions")),
    ("retraining", re.compile(r"INSERT INTO retrainings")),
    ("serving", re.compile(r"INSERT INTO servings")),
    ("version", re.compile(r"INSERT INTO model_versions")),
    ("evaluation", re.compile(r"INSERT INTO evaluations")),
    ("signal", re.compile(r"INSERT INTO signals")),
    ("dataset", re.compile(r"INSERT INTO datasets")),
    ("backup", re.compile(r"(INSERT INTO|UPDATE) backups")),
    ("notification", re.compile(r"INSERT INTO outbox")),
    ("delivery", re.compile(r"UPDATE outbox")),
    ("alert", re.compile(r"(INSERT INTO|UPDATE) alerts")),
    ("run_end", re.compile(r"UPDATE runs SET .*\bfinished_at=")),
    ("task_start", re.compile(r"INSERT INTO tasks")),
    ("task_end", re.compile(r"UPDATE tasks")),
    ("occurrence", re.compile(r"INSERT INTO runs")),
    ("run_start", re.compile(r"UPDATE runs")),
    ("record", re.compile(r"(INSERT INTO|UPDATE) records")),
    ("other", re.compile(r"")),
)
_WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|CREATE|ALTER|DROP)\b")


class Points:
    """Counts the points that this process passes, and kills it at the one that the environment names."""

    def __init__(self, environment: dict[str, str], *, worker: bool) -> None:
        self._worker = worker
        self._root = environment[ROOT].rstrip("/") + "/"
        self._trace, self._deaths = environment.get(TRACE), environment.get(DEATHS)
        self._hurry = environment.get(HURRY)
        self._passed: Counter[str] = Counter()
        self._lock = threading.Lock()
        name, number, victim = environment.get(DEATH, "none 0 self").split()
        self._deadly, self._number, self._victim = name, int(number), victim
        self._spent = self._deaths is not None and Path(self._deaths).exists()

    def file(self, operation: str, path: Any) -> str | None:
        """The name of an operation on a file; None outside the root."""
        if isinstance(path, int):
            path = Path(f"/proc/self/fd/{path}").readlink()
        place = f"{os.fsdecode(path).rstrip('/')}/"
        if not place.startswith(self._root):
            return None
        inside = f"/{place.removeprefix(self._root)}"
        return f"{next(name for name, pattern in _FILES if pattern.search(inside))}.{operation}"

    def passes(self, name: str) -> None:
        """This thread is at the point of this name."""
        with self._lock:
            self._passed[name] += 1
            number = self._passed[name]
        if self._trace is not None:
            _append(self._trace, name)
        if not self._spent and ((name, number) == (self._deadly, self._number) or self._hurried()):
            self._die(name)

    def _hurried(self) -> bool:
        return self._hurry is not None and Path(self._hurry).exists()

    def _die(self, name: str) -> None:
        if self._deaths is not None and not _append(self._deaths, name, only_first=True):
            return
        if self._victim == "desk" and self._worker:
            os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def _append(file: str, name: str, *, only_first: bool = False) -> bool:
    """Append a line; with `only_first` unless there is one. Whether it was written."""
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if only_first and os.fstat(handle).st_size:
            return False
        os.write(handle, f"{name}\n".encode())
    finally:
        os.close(handle)
    return True


def install(*, worker: bool = False) -> None:
    """Give this process its points, if the environment asks for any; a worker commits nothing."""
    if ROOT not in os.environ:
        return
    points = Points(dict(os.environ), worker=worker)
    # A rename is named by where it leads, a link too.
    for function, operation, argument in (("replace", "rename", 1), ("rename", "rename", 1), ("link", "link", 1)):
        setattr(os, function, _around(points, getattr(os, function), operation, argument))
    os.fsync = _around(points, os.fsync, "fsync", 0)
    _around_buckets(points)
    if not worker:
        _around_commits(points)


def _around_buckets(points: Points) -> None:
    from data_pipeline.buckets import open as buckets  # noqa: PLC0415 -- the module alone; boto3 comes with a bucket

    opened = buckets._open_s3

    def open_s3(*args: Any) -> Any:
        bucket = opened(*args)
        for operation in ("put", "delete"):
            setattr(bucket, operation, _around_key(points, getattr(bucket, operation), operation))
        return bucket

    buckets._open_s3 = open_s3


def _around_key(points: Points, function: Callable[..., Any], operation: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapped(key: str, *args: Any, **options: Any) -> Any:
        name = next(name for name, pattern in _KEYS if pattern.search(key))
        points.passes(f"{name}.{operation}.before")
        result = function(key, *args, **options)
        points.passes(f"{name}.{operation}.after")
        return result

    return wrapped


def _around(points: Points, function: Callable[..., Any], operation: str, argument: int) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapped(*args: Any, **options: Any) -> Any:
        name = points.file(operation, args[argument])
        if name is None:
            return function(*args, **options)
        points.passes(f"{name}.before")
        result = function(*args, **options)
        points.passes(f"{name}.after")
        return result

    return wrapped


def _around_commits(points: Points) -> None:
    from sqlalchemy import Engine, event  # noqa: PLC0415 -- workers do without it
    from sqlalchemy.engine.default import DefaultDialect  # noqa: PLC0415

    transaction = threading.local()

    @event.listens_for(Engine, "before_cursor_execute")
    def _note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if _WRITES.match(statement):
            transaction.statements = [*getattr(transaction, "statements", []), " ".join(statement.split())]

    commit, rollback = DefaultDialect.do_commit, DefaultDialect.do_rollback

    def do_commit(self: DefaultDialect, connection: Any) -> None:
        statements, transaction.statements = getattr(transaction, "statements", []), []
        if not statements:
            return commit(self, connection)
        name = f"{commit_name(statements)}.commit"
        points.passes(f"{name}.before")
        commit(self, connection)
        points.passes(f"{name}.after")
        return None

    def do_rollback(self: DefaultDialect, connection: Any) -> None:
        transaction.statements = []
        rollback(self, connection)

    DefaultDialect.do_commit, DefaultDialect.do_rollback = do_commit, do_rollback  # type: ignore[method-assign]


def commit_name(statements: list[str]) -> str:
    """What a transaction of these statements is named by."""
    return next(name for name, pattern in COMMITS if any(pattern.search(statement) for statement in statements))
