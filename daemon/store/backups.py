"""The ledger of backups, and the versions that a backup holds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, exists, insert, select, update

from daemon.store import servings, versions
from daemon.store.rows import all_as, first_as
from daemon.store.tables import backups
from daemon.store.versions import Version


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


def last_proven(c: Connection) -> BackupRecord | None:
    """The backup that was proved restorable last."""
    query = select(backups).where(backups.c.restored_at.is_not(None))
    return first_as(c, BackupRecord, query.order_by(backups.c.restored_at.desc()))
