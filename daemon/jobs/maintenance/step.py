"""maintenance: keep the home small and sound; what serves, or served before the champion, is never deleted."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from config.publish import remove_unfinished
from daemon.artifacts.base import ArtifactName
from daemon.domain.targets import targets
from daemon.jobs.base import Ending, RunWork
from daemon.jobs.maintenance import files
from daemon.store import alerts, retention, runs, servings, versions
from daemon.store.versions import Version

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from config.settings.service import Retention
    from daemon.artifacts.base import ArtifactStore

# Work in progress is younger than this.
UNFINISHED_AGE = timedelta(days=1)
# After so long without a record, a clock is believed only when the desk has worked by it for a week.
GAP, SETTLED = timedelta(days=30), timedelta(days=7)


@dataclass(frozen=True)
class _Ledger:
    """What the ledger says of files: only what it names is deleted."""

    results: dict[str, datetime]
    logs: dict[str, datetime]
    reports: set[str]
    series: set[retention.Series]
    datasets: set[str]
    unused_records: set[retention.RecordName]


def _read_ledger(c: Connection, keep: Retention, now: datetime) -> _Ledger:
    return _Ledger(
        results=retention.ended_before(c, now - timedelta(days=keep.results_days)),
        logs=retention.ended_before(c, now - timedelta(days=keep.logs_days)),
        reports=retention.serving_reports(c),
        series=retention.series(c),
        datasets=retention.dataset_names(c),
        unused_records=retention.unused_records(c, now - timedelta(days=keep.results_days)),
    )


async def maintain(work: RunWork) -> Ending:
    """Old versions, results and logs go by the retention settings; the database is checked and tidied."""
    now, keep, home = work.clock.now(), work.settings.retention, work.home
    jumped_at = await work.read(lambda c: runs.clock_jumped_at(c, now, GAP, SETTLED))
    if jumped_at is not None:
        return Ending("skipped", "clock.jumped", _clock_jumped(jumped_at, now))
    deleted = await work.write(lambda c: _delete_expendable(c, keep.versions))
    deleted_names = await asyncio.to_thread(_delete_versions, work.artifacts, deleted)
    ledger = await work.read(lambda c: _read_ledger(c, keep, now))
    results = await asyncio.to_thread(files.delete_results, home, ledger.results, ledger.reports)
    logs = await asyncio.to_thread(files.delete_logs, home, ledger.logs)
    refused_before = now - timedelta(days=keep.quarantine_days)
    refused = await asyncio.to_thread(files.delete_refused, home, ledger.series, refused_before)
    revisions = await asyncio.to_thread(files.delete_revisions, home, ledger.datasets, keep.revisions)
    folds = await asyncio.to_thread(files.delete_folds, home, ledger.unused_records)
    unfinished = await asyncio.to_thread(remove_unfinished, home.root, now - UNFINISHED_AGE)
    if not await work.read(lambda c: runs.unfinished(c, "training")):  # so nobody will go on from them
        await asyncio.to_thread(shutil.rmtree, home.checkpoints_root, ignore_errors=True)
    watched = {target.label for target in targets(work.settings, home)}
    closed = await work.write(lambda c: alerts.close_unwatched(c, watched, work.settings, now))
    await asyncio.to_thread(work.database.tidy)
    return Ending(
        "succeeded",
        None,
        {
            "versions": deleted_names,
            "results": results,
            "logs": logs,
            "revisions": revisions,
            "refused": refused,
            "records": folds,
            "unfinished": len(unfinished),
            "alerts": len(closed),
        },
    )


def _clock_jumped(before: datetime, now: datetime) -> dict[str, object]:
    return {
        "message": f"Nothing was deleted: the clock says {now:%Y-%m-%d}, but the record before this week is of "
        f"{before:%Y-%m-%d}, so the clock may be wrong.",
        "cure": f"Check the clock. If it is right, what is old is deleted after {SETTLED.days} days of work.",
    }


def _delete_expendable(c: Connection, keep: int) -> list[Version]:
    """Every version that is deleted now. The row goes first, so that nothing ever points at a folder that is gone."""
    for version in servings.expendable(c, keep):
        versions.set_state(c, version.id, "deleted", ("retired", "rejected"))
    return versions.versions(c, states=("deleted",))


def _delete_versions(artifacts: ArtifactStore, deleted: list[Version]) -> list[str]:
    """Delete their files, also those that a killed maintenance left."""
    names = [ArtifactName(version.subject, version.model_type, version.version) for version in deleted]
    return [str(name) for name in names if artifacts.delete(name)]
