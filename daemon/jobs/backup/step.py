"""backup and restore_drill: what is damaged is mended, everything is copied, and the copies are proved."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from daemon import backups
from daemon.backups import Backup
from daemon.jobs.backup.mending import mend_files, mend_models, note_mended_copies, observation_name, resolve_data
from daemon.jobs.backup.messages import HOME, CheckDataRequest, CopyBackupRequest, ProveBackupRequest, ProveBackupResult
from daemon.jobs.base import Ending, Outcomes, Plan, RunWork, ending_of
from daemon.store import backups as ledger
from data_pipeline.buckets.open import bucket_secrets

if TYPE_CHECKING:
    from sqlalchemy import Connection


async def take_backup(work: RunWork) -> Ending:
    """Mend what is damaged, back everything up in the home, copy that to every place, and delete the oldest."""
    mended, unmended = await _mend(work)
    if work.settings.backup.to:
        await work.executor.prepare(work.settings)
    instant = await work.read(lambda c: _free_second(c, work))
    backup = await asyncio.to_thread(backups.take, work.home, work.database, instant, work.settings, unmended)
    await work.write(lambda c: _record(c, backup, work))
    flipped = await asyncio.to_thread(backups.unwritten, work.home, backup.damaged)  # what is newer is not undone
    await asyncio.to_thread(mend_files, work, flipped)
    removed = await asyncio.to_thread(
        backups.prune, backups.home_repository(work.home), work.settings.retention.backups
    )
    await work.write(lambda c: ledger.mark_deleted_but(c, [folder.name for folder in work.home.backups]))
    detail: dict[str, object] = {
        "backup": backup.name,
        "files": backup.files,
        "bytes": backup.bytes,
        "removed": removed,
        "mended": [*mended, *backup.damaged],
    }
    if backup.left_out:
        detail["left_out"] = list(backup.left_out)
        work.log.write("warning", "backup.left_out", files=list(backup.left_out))
    return await _copy_to_places(work, backup, detail)


def _record(c: Connection, backup: Backup, work: RunWork) -> None:
    ledger.record(
        c,
        backup.name,
        taken_at=backup.taken_at,
        files=backup.files,
        size=backup.bytes,
        run_id=work.run.id,
        verified_at=work.clock.now(),
    )


async def _mend(work: RunWork) -> tuple[list[str], set[int]]:
    """Check all models worth keeping, and the data that has changed since the last backup.

    Returns what was damaged, and the ids of the versions that are damaged still.
    """
    checked = await work.read(ledger.worth_keeping)
    models = await asyncio.to_thread(mend_models, work, checked)
    changed = await asyncio.to_thread(backups.changed_files, work.home)
    damaged: dict[str, str] = {}
    if changed:
        request = CheckDataRequest(files=tuple(path.relative_to(work.home.root).as_posix() for path in changed))
        outcome = await work.do(Plan(request))
        damaged = outcome.value.damaged if outcome.value else {}
    paths = [work.home.root / name for name in damaged]
    await asyncio.to_thread(mend_files, work, paths)
    await asyncio.to_thread(resolve_data, work, set(damaged))
    names = [*(observation_name(each.version) for each in models), *damaged]
    return names, {each.version.id for each in models if each.left_alone not in (None, each.error)}


async def _copy_to_places(work: RunWork, backup: Backup, detail: dict[str, object]) -> Ending:
    """Copy the backup to every place of the config; one that fails stops no other."""
    keep = work.settings.retention.backups
    plans = [
        Plan(CopyBackupRequest(backup=backup.name, place=place, keep=keep), bucket_secrets(place))
        for place in work.settings.backup.to
    ]
    outcomes = await work.do_all(plans)
    at = work.clock.now().isoformat()
    copied = outcomes.results(plans)
    for plan, result in copied:
        await asyncio.to_thread(note_mended_copies, work, plan.label, result.mended)
    detail["places"] = {plan.label: {**result.document(), "at": at} for plan, result in copied}
    if len(copied) == len(plans):
        return Ending("succeeded", None, detail)
    failure = ending_of(outcomes)
    return Ending("partial", failure.cause, {**detail, "failed": failure.detail["failed"]})


def _free_second(c: Connection, work: RunWork) -> datetime:
    """The first second from now without a backup: a backup is named by its second."""
    instant = work.clock.now()
    while (folder := work.home.backup(instant)).exists() or ledger.is_recorded(c, folder.name):
        instant += timedelta(seconds=1)
    return instant


async def drill_restore(work: RunWork) -> Ending:
    """Restore the newest backup of the home, and of every place, onto an empty home, where its champions predict."""
    plans = [Plan(ProveBackupRequest(place=None))] if work.home.backups else []
    plans += [Plan(ProveBackupRequest(place=place), bucket_secrets(place)) for place in work.settings.backup.to]
    if not plans:
        return Ending("skipped", "backup.none", {"message": "There is no backup to prove yet."})
    outcomes = await work.do_all(plans, at_once=1)
    proven = _proven(plans, outcomes, work.clock.now())
    if HOME in proven:
        await work.write(lambda c: ledger.mark_restored(c, str(proven[HOME]["backup"]), work.clock.now()))
    ending = ending_of(outcomes)
    ending.detail["proven"] = proven
    return ending


def _proven(plans: list[Plan[ProveBackupResult]], outcomes: Outcomes, now: datetime) -> dict[str, dict[str, object]]:
    """Of each place whose backup was proved, which backup that was, and when."""
    return {plan.label: {**result.document(), "at": now.isoformat()} for plan, result in outcomes.results(plans)}
