"""The lease of a database server: one desk at a time, for as long as a session of its own lives.

The server's advisory lock says that a desk works; it ends with its session, however the desk ends. The row in `desks`
says which process entered last; every write checks it (`Database.require`), so a desk that lost its session, and
another that entered meanwhile, can never both write.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from config.errors import LockedError
from daemon.store import desks, engines, schema
from daemon.store.desks import DeskRow
from daemon.store.faults import explain

LOOK_EVERY = 2.0
# The server lets go of the lock of a desk that vanished with its machine after about 25 s, see `engines.KEEPALIVES`.
PATIENCE = 40.0
_LOCK = text("SELECT pg_try_advisory_lock(hashtextextended('nightdesk ' || current_schema(), 0))")


class Lease:
    """The advisory lock of a PostgreSQL database, taken again whenever its session was lost.

    Args:
        engine: connects the session of the lease; it is used for nothing else.
        connection: the session, which holds the lock.
    """

    def __init__(self, engine: Engine, connection: Connection) -> None:
        self._engine = engine
        self._connection: Connection | None = connection
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @classmethod
    def take(cls, place: str, desk: str | None, patience: float = PATIENCE) -> Self:
        """Take the lease of the database at the URL `place` for the desk with the id `desk`.

        A lease of the same desk is waited for: its home is ours, so what holds it is a session that the server has not
        yet given up.

        Raises:
            LockedError: `store.held`, where another desk works with the database.
            StoreError: `store.unreachable`.
        """
        engine = engines.postgresql_engine(engines.postgresql_url(place))
        try:
            return cls(engine, _locked(engine, desk, time.monotonic() + patience))
        except DBAPIError as error:
            engine.dispose()
            raise explain(error) or error from error
        except BaseException:
            engine.dispose()
            raise

    def keep(self, probe: Callable[[], None]) -> None:
        """Watch over the session in a thread, and `probe` the database after it was lost: another may have entered."""
        self._thread = threading.Thread(target=self._watch, args=(probe,), name="database-lease", daemon=True)
        self._thread.start()

    def leave(self) -> None:
        """Watch and probe no more; the lease is held until `close`."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def close(self) -> None:
        """Give the lease back."""
        self.leave()
        self._drop()
        self._engine.dispose()

    def _watch(self, probe: Callable[[], None]) -> None:
        while not self._ended.wait(LOOK_EVERY):
            self.look(probe)

    def look(self, probe: Callable[[], None]) -> None:
        """See whether the session lives; one that was lost is made anew, and then the database is probed."""
        try:
            if self._connection is None:
                self._retake(probe)
            elif self._connection.execute(text("SELECT pg_is_in_recovery()")).scalar():
                self._drop()  # this server is the primary no longer
        except DBAPIError:
            self._drop()

    def _retake(self, probe: Callable[[], None]) -> None:
        self._connection = _session(self._engine)
        if not self._connection.execute(_LOCK).scalar():  # held by another, or by our own lost session
            self._drop()
        probe()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(DBAPIError):
                connection.invalidate()
            with suppress(DBAPIError):
                connection.close()


def _locked(engine: Engine, desk: str | None, end: float) -> Connection:
    """A session with the lock; one that holds it for the same desk is waited for until `end`."""
    connection = _session(engine)
    try:
        _wait_for_lock(connection, desk, end)
    except BaseException:
        connection.invalidate()
        connection.close()
        raise
    return connection


def _wait_for_lock(c: Connection, desk: str | None, end: float) -> None:
    while not c.execute(_LOCK).scalar():
        holder = _holder(c)
        if holder is None or holder.id != desk or time.monotonic() > end:
            raise _held(holder)
        time.sleep(0.2)


def _session(engine: Engine) -> Connection:
    """A connection without transactions, so that it is idle while nothing is asked."""
    return engine.connect().execution_options(isolation_level="AUTOCOMMIT")


def _holder(c: Connection) -> DeskRow | None:
    """The desk that entered last; None where the tables are only being made."""
    return desks.current(c) if schema.version(c) == schema.HEAD else None


def _held(by: DeskRow | None) -> LockedError:
    holder = f"the desk {by.id} on {by.host}, since {by.since:%Y-%m-%d %H:%M:%S} UTC" if by else "a desk that starts"
    return LockedError(
        "store.held",
        f"Another desk works with this database: {holder}.",
        "Give this home a database of its own, or stop the other desk first.",
        desk=by.id if by else None,
        host=by.host if by else None,
    )
