"""The database: one writer thread, a few readers."""

from __future__ import annotations

import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from daemon.store import desks, engines, health
from daemon.store.faults import CLOSED, CORRUPT, DISK_FULL, MISSING, TAKEN, UNREACHABLE, StoreError, explain, fault
from daemon.store.memory_copy import open_copy
from daemon.store.prepare import prepare, sqlite_engines

T = TypeVar("T")
# Faults that do not pass while the desk runs: it must end, and what they mean is settled at the next start.
FATAL = frozenset({CORRUPT, MISSING, TAKEN})
_Job = tuple[Callable[[Connection], Any], "Future[Any]"]


class Database:
    """SQLite in the home, or PostgreSQL by URL; both mean the same.

    Every write is one transaction on the one writer thread: it is kept whole or not at all, and its error comes back
    to the caller. Reads run in parallel, on connections that cannot write.
    """

    def __init__(self, path: Path | None, writer: Engine, readers: Engine) -> None:
        self._path = path
        self._writer, self._readers = writer, readers
        self._in_memory = False
        self._pid = os.getpid()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._busy_since: float | None = None
        self._reading_since: float | None = None
        self._failing: str | None = None  # the code of the last write's fault
        self._unreadable: str | None = None  # the code of the last probe's fault
        self._fatal: StoreError | None = None
        self._instance: str | None = None
        self._inode = path.stat().st_ino if path is not None else 0
        self._changes = 0
        self._closing = threading.Lock()  # a write is queued before `close`, or refused; none is lost
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="database-writer", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, place: Path | str) -> Self:
        """Open the SQLite file at the path `place`, or the PostgreSQL database at the URL `place`.

        On a full disk the file is read from a copy in memory, and every write is refused until there is room.

        Raises NightdeskError: `store.corrupt` (see `set_aside`), `store.newer`, `store.foreign`, `store.unreachable`,
        `home.read_only`.
        """
        if isinstance(place, Path):
            path, writer, readers = place.absolute(), *sqlite_engines(place.absolute())
        else:
            url = engines.postgresql_url(place)
            path, writer = None, engines.postgresql_engine(url)
            readers = engines.postgresql_engine(url, read_only=True)
        try:
            prepare(path, writer)
        except (DBAPIError, sqlite3.Error) as error:
            writer.dispose()
            meaning = explain(error, path)
            if path is None or meaning is None or meaning.code != DISK_FULL or (copy := open_copy(path)) is None:
                raise meaning or error from error
            database = cls(path, writer, copy)
            database._in_memory, database._failing = True, DISK_FULL
            return database
        except BaseException:
            writer.dispose()
            raise
        return cls(path, writer, readers)

    @property
    def embedded(self) -> bool:
        """Whether the database is a file of this home, which the desk itself must back up."""
        return self._path is not None

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction on the writer thread and return its result; from any thread, blocks.

        Raises StoreError: `store.closed` after `close`, else what the database refused.
        """
        self._not_after_a_fork()
        if threading.current_thread() is self._thread:
            raise RuntimeError("write() inside a write would wait for itself; pass the connection on instead")
        future: Future[T] = Future()
        with self._closing:
            if self._closed:
                raise fault(CLOSED, "the desk has stopped")
            self._jobs.put((work, future))
        return future.result()

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a read-only connection, in one consistent view, and return its result."""
        self._not_after_a_fork()
        try:
            return _translated(self._readers, work, self._path)
        except StoreError as error:
            self._remember(error)
            raise

    def require(self, instance: str) -> None:
        """Refuse every write from now on unless the process `instance` is the one that may write (see `desks`)."""
        self._instance = instance

    def probe(self) -> None:
        """Read as the pages of the API do, and look at the file; what is found is among the `problems`."""
        self._reading_since = time.monotonic()
        try:
            if self._path is not None:
                health.look_at_file(self._path, self._inode)
            entered = self.read(health.read_sample)
            if self._instance is not None and entered != self._instance:
                raise fault(TAKEN, f"the process {entered}")
        except StoreError as error:
            self._remember(error)
            self._unreadable = error.code
        else:
            self._unreadable = None
        finally:
            self._reading_since = None

    @property
    def fatal(self) -> StoreError | None:
        """The fault after which the desk must end; None while there is none."""
        return self._fatal

    def tick(self) -> float:
        """Seconds that the present write takes so far: 0 while the writer is idle, infinite once its thread is gone."""
        busy_since = self._busy_since
        if not self._thread.is_alive():
            return float("inf")
        return 0.0 if busy_since is None else time.monotonic() - busy_since

    @property
    def changes(self) -> int:
        """The number of committed writes; a reader that remembers it sees whether anything has changed."""
        return self._changes

    def problems(self, patience: float) -> list[str]:
        """Codes of its problems: the last write or the last probe failed, or takes longer than `patience` seconds."""
        reading = self._reading_since
        stalled = self.tick() > patience or (reading is not None and time.monotonic() - reading > patience)
        fatal = self._fatal.code if self._fatal else None
        codes = ("store.stalled" if stalled else None, fatal, self._failing, self._unreadable)
        return list(dict.fromkeys(code for code in codes if code))

    def tidy(self) -> None:
        """Refresh the statistics that queries are planned by, and fold the write-ahead log into the file."""
        if self._path is None:
            self.write(lambda c: c.exec_driver_sql("ANALYZE"))
            return
        self.write(lambda c: c.exec_driver_sql("PRAGMA optimize"))
        with closing(sqlite3.connect(self._path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Finish the queued writes, then close the connections."""
        with self._closing:
            self._closed = True
            self._jobs.put(None)
        self._thread.join()
        self._readers.dispose()
        self._writer.dispose()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._busy_since = time.monotonic()
            self._answer(*job)
            self._busy_since = None

    def _answer(self, work: Callable[[Connection], T], future: Future[T]) -> None:
        try:
            if self._in_memory:
                self._leave_memory()
            result = self._written(work)
        except BaseException as error:  # noqa: BLE001 (it is raised in the caller's thread)
            self._failing = error.code if isinstance(error, StoreError) else None
            if isinstance(error, StoreError):
                self._remember(error)
            future.set_exception(error)
        else:
            self._failing = None
            self._changes += 1
            future.set_result(result)

    def _leave_memory(self) -> None:
        """Read from the file again, and write to it, if there is room now; `store.disk_full` if not."""
        try:
            prepare(self._path, self._writer)
        except (DBAPIError, sqlite3.Error) as error:
            raise explain(error, self._path) or error from error
        if self._path is not None:
            self._readers = engines.sqlite_engine(self._path, read_only=True)
        self._in_memory = False

    def _written(self, work: Callable[[Connection], T]) -> T:
        """The result of `work`, once it is committed; where the server hangs up on the commit, it is asked later."""
        transaction, results = None, list[T]()

        def admitted(c: Connection) -> T:
            nonlocal transaction
            instance, transaction = desks.holder(c) if self._instance is not None else (None, None)
            if instance != self._instance:
                raise fault(TAKEN, f"the process {instance}")
            results.append(work(c))
            return results[0]

        try:
            return _translated(self._writer, admitted, self._path)
        except StoreError as error:
            if error.code == UNREACHABLE and results and transaction and self._was_committed(transaction):
                return results[0]
            if error.code == "store.read_only":
                self._writer.dispose()  # the next connection may find the new primary
            raise

    def _was_committed(self, transaction: str) -> bool:
        """Ask the server, as soon as it answers, whether it has kept a transaction whose commit was cut off."""
        self._failing, self._busy_since = UNREACHABLE, None  # what is waited for is the server, and not this thread
        while not self._closed:
            with suppress(DBAPIError), self._writer.begin() as c:
                status = c.execute(text("SELECT txid_status(:number)"), {"number": int(transaction)}).scalar()
                if status != "in progress":
                    return bool(status == "committed")
            time.sleep(0.5)
        return False

    def _remember(self, error: StoreError) -> None:
        if error.code in FATAL and self._fatal is None:
            self._fatal = error

    def _not_after_a_fork(self) -> None:
        if os.getpid() != self._pid:
            raise RuntimeError("the database was opened by another process; open it anew after a fork")


def check(path: Path) -> None:
    """Raise `store.corrupt` unless the SQLite file at `path`, which nobody has open, is sound to the last page."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            answer = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise explain(error) or error from error
    if answer != "ok":
        raise fault("store.corrupt", answer)


def set_aside(path: Path, now: datetime) -> Path:
    """Move a damaged database out of the way, for a person to look at; return its new place.

    The write-ahead log goes first: left behind, it would be replayed into whatever is restored at `path`.
    """
    aside = path.with_name(f"{path.name}.corrupt-{now:%Y%m%dT%H%M%S%f}")
    for suffix in ("-wal", "-shm", "-journal", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside


def _translated(engine: Engine, work: Callable[[Connection], T], path: Path | None) -> T:
    try:
        with engine.begin() as c:
            return work(c)
    except DBAPIError as error:
        if meaning := explain(error, path):
            raise meaning from error
        raise
    except PoolTimeoutError as error:  # all connections are waiting for the server
        raise fault("store.busy", "no connection is free") from error
