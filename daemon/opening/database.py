"""Opening the database of a desk: a lost one is restored from the newest sound backup, and never in silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import NightdeskError
from config.secrets import read_address
from daemon import backups
from daemon.opening import sound_backups
from daemon.opening.identity import desk_id, enter, readable_id
from daemon.opening.traces import is_lost, traces
from daemon.store import alerts, runs
from daemon.store.database import Database, set_aside
from daemon.store.faults import CORRUPT, MISSING

if TYPE_CHECKING:
    from config.paths import Home
    from config.settings import Settings
    from daemon.store.lease import Lease
    from daemon.system.clock import Clock


@dataclass(frozen=True)
class Loss:
    """What had happened to the database at this start, in sentences for an alert.

    Args:
        code: `store.corrupt` or `store.missing`.
        at: when it was noticed; it tells one loss from another.
        message: what is lost, and what stands in its place.
        cure: what a person can do about it.
    """

    code: str
    at: datetime
    message: str
    cure: str


@dataclass
class Opened:
    """A database that this process alone may write, for the desk with the id `desk`."""

    database: Database
    desk: str
    loss: Loss | None = None
    lease: Lease | None = None

    def close(self) -> None:
        """Close the database, then give the lease back."""
        if self.lease is not None:
            self.lease.leave()
        self.database.close()
        if self.lease is not None:
            self.lease.close()


def database_place(home: Home, settings: Settings) -> Path | str:
    """The embedded file, or the URL that was configured."""
    url = settings.database.url
    return read_address("database URL", url) if url else home.database


def open_database(home: Home, settings: Settings, clock: Clock) -> Opened:
    """Open the database for writing. The home is locked by this process; a server is leased.

    Raises:
        LockedError: `store.held`, where another desk works with the database.
        ConfigError: see `identity.enter`.
        NightdeskError: `restore.unfinished`; see `Database.open`, but what is lost of an embedded database is restored.
    """
    backups.refuse_half_restored(home)
    place = database_place(home, settings)
    if isinstance(place, Path):
        return _open_embedded(home, settings, place, clock.now())
    return _open_server(home, place, clock)


def _open_embedded(home: Home, settings: Settings, place: Path, now: datetime) -> Opened:
    database, loss = _opened_or_restored(home, settings, place, now)
    try:
        return Opened(database, enter(home, database, now), loss)
    except BaseException:
        database.close()
        raise


def _open_server(home: Home, place: str, clock: Clock) -> Opened:
    from daemon.store.lease import Lease  # noqa: PLC0415 -- only with a server

    lease = Lease.take(place, desk_id(home))
    try:
        database = Database.open(place)
        try:
            fresh = not database.read(runs.any_run) and not database.read(alerts.loss_noted)
            desk = enter(home, database, clock.now())
        except BaseException:
            database.close()
            raise
    except BaseException:
        lease.close()
        raise
    lease.keep(database.probe)
    left = traces(home) if fresh else None
    return Opened(database, desk, _begun_anew(MISSING, clock.now(), str(left)) if left else None, lease)


def _opened_or_restored(home: Home, settings: Settings, place: Path, now: datetime) -> tuple[Database, Loss | None]:
    if is_lost(home):
        return _restored(home, settings, place, MISSING, now)
    try:
        database = Database.open(place)
    except NightdeskError as error:
        if error.code != CORRUPT:
            raise
        return _restored(home, settings, place, CORRUPT, now)
    try:
        loss = _lost_history(home, settings, database, now)
        restorable = loss is not None and next(sound_backups.candidates(home, settings, MISSING), None) is not None
    except BaseException:
        database.close()
        raise
    if not restorable:
        return database, loss
    database.close()
    return _restored(home, settings, place, MISSING, now)


def _lost_history(home: Home, settings: Settings, database: Database, now: datetime) -> Loss | None:
    """The loss behind a database without any run in a home where a desk has worked; None if it is noted already."""
    if database.read(runs.any_run) or not (left := traces(home)):
        return None
    if database.read(alerts.loss_noted) and not sound_backups.in_home(home):
        return None
    return _begun_anew(MISSING, now, str(left), places=settings.backup.labels)


def _restored(home: Home, settings: Settings, place: Path, code: str, now: datetime) -> tuple[Database, Loss]:
    left, places = traces(home), sound_backups.candidates(home, settings, code)
    first = next(places, None)  # an error here leaves everything as it is
    aside = set_aside(place, now)
    named = f" What was in its place is now {aside.name}." if aside.exists() else ""
    source = sound_backups.restore(home, chain([first], places), readable_id(home)) if first else None
    database = Database.open(place)
    if source is None:
        return database, _begun_anew(code, now, str(left), named, settings.backup.labels)
    newest = database.read(runs.newest_record)
    since = f"since {newest:%Y-%m-%d %H:%M:%S} UTC" if newest is not None else "since then"
    return database, Loss(
        code,
        now,
        f"The database was {_WORDS[code]}.{named} The desk was restored from {source}; what was recorded {since} "
        "is lost: runs, signals, alerts.",
        f"Compare the last runs and signals with {aside.name if named else 'your own records'}. Check the disk. "
        "This alert stays until a person acknowledges it: `nightdesk alerts ack`.",
    )


_WORDS = {CORRUPT: "damaged", MISSING: "missing or empty"}


def _begun_anew(code: str, now: datetime, left: str, aside: str = "", places: Sequence[str] = ()) -> Loss:
    where = f", neither in the home nor in {', '.join(places)}" if places else ""
    adopted = f" The home holds {left}: models are adopted as challengers and judged anew." if left else ""
    return Loss(
        code,
        now,
        f"The database was {_WORDS[code]}.{aside} There is no sound backup of it{where}, so the desk began with an "
        f"empty database.{adopted} Lost are all runs, signals and servings, and the count of the recipes tried.",
        "If there is a copy of the file elsewhere, stop the desk, put the copy in its place and start it again. Else "
        "read new standings with care, since fewer recipes count as tried. This alert stays until a person "
        "acknowledges it: `nightdesk alerts ack`.",
    )
