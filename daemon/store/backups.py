"""The ledger of backups, and the versions that a backup holds."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, exists, insert, select, update

from daemon.domain.tasks import as_object
from daemon.store import retention, servings, versions
from daemon.store.dump import Dump, dump
from daemon.store.rows import all_as, first_as
from daemon.store.tables import backups, evaluations, runs
from daemon.store.versions import Version

# Reports of so many of the newest evaluations are backed up, besides those of what serves.
NEWEST_REPORTS = 10
# So many runs are looked at for what was copied to a place, and proved there.
RECENT_RUNS = 50


@dataclass(frozen=True)
class BackupRecord:
    """The record of one backup: when every hash was read back, and when a drill restored it."""

    id: int
    run_id: int | None
    name: str
    taken_at: datetime
    files: int
    bytes: int
    verified_at: datetime | None
    restored_at: datetime | None
    deleted: bool


@dataclass(frozen=True)
class Moment:
    """What one transaction says: the whole database, and the models and reports that belong into a backup of it.

    `ledger` is the sha256 of the first run: what tells this database from one that was begun anew.
    """

    dump: Dump
    ledger: str | None
    versions: list[Version]
    reports: set[str]


def moment(c: Connection) -> Moment:
    """The database and what is to be backed up with it."""
    newest = select(evaluations.c.report).where(evaluations.c.report.is_not(None)).order_by(evaluations.c.id.desc())
    reports = {*retention.serving_reports(c), *c.execute(newest.limit(NEWEST_REPORTS)).scalars()}
    return Moment(dump(c), ledger_name(c), worth_keeping(c), reports)


def ledger_name(c: Connection) -> str | None:
    """What tells this database from one that was begun anew: the sha256 of its first run, if there is one."""
    first = c.execute(select(runs.c.id, runs.c.job, runs.c.recorded_at).order_by(runs.c.id).limit(1)).first()
    if first is None:
        return None
    return named_by_first_run(first.id, first.job, first.recorded_at)


def named_by_first_run(run_id: int, job: str, recorded_at: datetime) -> str:
    """The sha256 of the first run of a database."""
    return hashlib.sha256(f"{run_id} {job} {recorded_at.isoformat()}".encode()).hexdigest()


def serving(c: Connection) -> list[Version]:
    """Every champion, each followed by the version that would serve in its place."""
    served: list[Version] = []
    for champion in versions.champions(c):
        before = servings.predecessor(c, champion.subject, champion.model_type)
        served += [champion] if before is None or before.state in ("quarantined", "deleted") else [champion, before]
    return served


def worth_keeping(c: Connection) -> list[Version]:
    """What retention would never delete: champions, their predecessors, challengers and the newest versions."""
    present = versions.versions(c, states=("challenger", "champion", "retired", "rejected"))
    expendable = {version.id for version in servings.expendable(c, servings.NEWEST_KEPT)}
    return [version for version in present if version.id not in expendable]


def record(
    c: Connection,
    name: str,
    *,
    taken_at: datetime,
    files: int,
    size: int,
    run_id: int | None,
    verified_at: datetime,
) -> None:
    """Note a backup that was taken and read back; `size` is that of all its `files` together, in bytes."""
    c.execute(
        insert(backups).values(
            run_id=run_id,
            name=name,
            taken_at=taken_at,
            files=files,
            bytes=size,
            verified_at=verified_at,
            deleted=False,
        )
    )


def is_recorded(c: Connection, name: str) -> bool:
    """Whether a backup of this name was ever recorded, deleted or not."""
    return bool(c.execute(select(exists().where(backups.c.name == name))).scalar())


def mark_restored(c: Connection, name: str, at: datetime) -> None:
    """Note that a drill restored the backup and its champions reproduced their golden predictions."""
    c.execute(update(backups).where(backups.c.name == name).values(restored_at=at))


def mark_deleted_but(c: Connection, present: Collection[str]) -> None:
    """Note that every backup is deleted except those that are `present`, also where a killed process deleted it."""
    c.execute(update(backups).where(backups.c.name.not_in(present), backups.c.deleted.is_(False)).values(deleted=True))


def recorded(c: Connection, *, limit: int = 50) -> list[BackupRecord]:
    """The backups that still exist, newest first."""
    query = select(backups).where(backups.c.deleted.is_(False)).order_by(backups.c.id.desc())
    return all_as(c, BackupRecord, query.limit(limit))


def last_verified(c: Connection) -> BackupRecord | None:
    """The newest backup that was read back."""
    query = select(backups).where(backups.c.deleted.is_(False), backups.c.verified_at.is_not(None))
    return first_as(c, BackupRecord, query.order_by(backups.c.taken_at.desc()))


@dataclass(frozen=True)
class PlaceRecord:
    """A place outside the home: the backup that was copied to it last, and the one that was proved there last."""

    place: str
    copied: str | None = None
    copied_at: datetime | None = None
    proven: str | None = None
    proven_at: datetime | None = None


def places(c: Connection, labels: Collection[str]) -> list[PlaceRecord]:
    """The record of each of these places, as the newest runs of backup and restore_drill tell it."""
    if not labels:
        return []
    copied, proven = _newest_of_places(c, "backup", "places"), _newest_of_places(c, "restore_drill", "proven")
    nothing: tuple[str | None, datetime | None] = (None, None)
    return [PlaceRecord(label, *copied.get(label, nothing), *proven.get(label, nothing)) for label in labels]


def home_proven_at(c: Connection, home: str) -> datetime | None:
    """When a drill proved a backup in the home last, also one that a restored database has no row of.

    `home` is what the runs of restore_drill call it.
    """
    row, (_, in_run) = last_proven(c), _newest_of_places(c, "restore_drill", "proven").get(home, (None, None))
    return max((at for at in (row.restored_at if row else None, in_run) if at), default=None)


def _newest_of_places(c: Connection, job: str, field: str) -> dict[str, tuple[str, datetime]]:
    """By place, the backup and the time of its newest entry in this field of the detail of runs."""
    ended = select(runs.c.detail).where(runs.c.job == job, runs.c.state.in_(("succeeded", "partial")))
    newest: dict[str, tuple[str, datetime]] = {}
    for detail in c.execute(ended.order_by(runs.c.id.desc()).limit(RECENT_RUNS)).scalars():
        for label, entry in as_object(as_object(detail).get(field)).items():
            facts = as_object(entry)
            newest.setdefault(label, (str(facts["backup"]), datetime.fromisoformat(str(facts["at"]))))
    return newest


def last_proven(c: Connection) -> BackupRecord | None:
    """The backup that was proved restorable last."""
    query = select(backups).where(backups.c.restored_at.is_not(None))
    return first_as(c, BackupRecord, query.order_by(backups.c.restored_at.desc()))
