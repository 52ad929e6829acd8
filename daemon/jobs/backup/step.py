"""backup and restore_drill: copies that are read back, and the proof that they can be used."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from daemon import backups
from daemon.jobs.backup.messages import ProveBackupRequest
from daemon.jobs.base import Ending, Plan, RunWork, ending_of
from daemon.store import backups as ledger

if TYPE_CHECKING:
    from sqlalchemy import Connection


async def take_backup(work: RunWork) -> Ending:
    """Copy models, database and config, read the copy back, record it, and delete the oldest."""
    instant = await work.read(lambda c: _free_second(c, work))
    backup = await asyncio.to_thread(backups.take, work.home, work.database, instant, work.settings)
    await asyncio.to_thread(backups.verify, backup.folder)
    await work.write(
        lambda c: ledger.record(
            c,
            backup.name,
            taken_at=backup.taken_at,
            files=backup.files,
            size=backup.bytes,
            run_id=work.run.id,
            verified_at=work.clock.now(),
        )
    )
    removed = await asyncio.to_thread(backups.prune, work.home, work.settings.retention.backups)
    await work.write(lambda c: ledger.mark_deleted_but(c, [folder.name for folder in work.home.backups]))
    return Ending(
        "succeeded", None, {"backup": backup.name, "files": backup.files, "bytes": backup.bytes, "removed": removed}
    )


def _free_second(c: Connection, work: RunWork) -> datetime:
    """The first second from now without a backup: a backup is named by its second."""
    instant = work.clock.now()
    while (folder := work.home.backup(instant)).exists() or ledger.is_recorded(c, folder.name):
        instant += timedelta(seconds=1)
    return instant


async def drill_restore(work: RunWork) -> Ending:
    """Restore the newest backup into a scratch home, where its champions must reproduce their golden predictions."""
    folders = work.home.backups
    if not folders:
        return Ending("skipped", "backup.none", {"message": "There is no backup to prove yet."})
    name = folders[-1].name
    plan = Plan(ProveBackupRequest(backup=name))
    outcomes = await work.do_all([plan])
    if outcomes[plan].state == "succeeded":
        await work.write(lambda c: ledger.mark_restored(c, name, work.clock.now()))
    ending = ending_of(outcomes)
    ending.detail["backup"] = name
    return ending
