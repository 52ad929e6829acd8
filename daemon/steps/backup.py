"""backup and restore_drill: copies that are read back, and the proof that they can be used."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from daemon import backups
from daemon.steps.base import Ending, Plan, RunWork, ending_of
from daemon.store import backups as ledger


async def take_backup(work: RunWork) -> Ending:
    """Copy models, database and config, read the copy back, record it, and let go of the oldest."""
    now = work.clock.now()
    while work.home.backup(now).exists():  # it is called by its second, and a small home is copied in less
        now += timedelta(seconds=1)
    taken = await asyncio.to_thread(backups.take, work.home, work.database, now, work.settings)
    await asyncio.to_thread(backups.verify, taken.folder)
    await work.write(lambda c: ledger.record(c, taken, run_id=work.run.id, verified_at=work.clock.now()))
    removed = await asyncio.to_thread(backups.prune, work.home, work.settings.retention.backups)
    await work.write(lambda c: ledger.mark_deleted_but(c, [folder.name for folder in work.home.backups]))
    return Ending(
        "succeeded", None, {"backup": taken.folder.name, "files": taken.files, "bytes": taken.bytes, "removed": removed}
    )


async def drill_restore(work: RunWork) -> Ending:
    """Restore the newest backup into a scratch home, where its champions must reproduce their golden predictions."""
    found = work.home.backups
    if not found:
        return Ending("skipped", "backup.none", {"message": "There is no backup to prove yet."})
    name = found[-1].name
    plan = Plan("prove_backup", {"backup": name})
    outcomes = await work.do_all([plan])
    if outcomes[plan].state == "succeeded":
        await work.write(lambda c: ledger.mark_restored(c, name, work.clock.now()))
    ending = ending_of(outcomes)
    ending.detail["backup"] = name
    return ending
