"""maintenance: keep the home small and sound; what serves, or served before the champion, is never deleted."""

from __future__ import annotations

import asyncio
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from config.publish import remove_unfinished
from daemon.artifacts.base import ArtifactName
from daemon.domain.targets import targets
from daemon.jobs.base import Ending, RunWork
from daemon.store import alerts, runs, servings, versions
from daemon.store.versions import Version

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from config.paths import Home
    from daemon.artifacts.base import ArtifactStore

# Work in progress is younger than this.
UNFINISHED_AGE = timedelta(days=1)


async def maintain(work: RunWork) -> Ending:
    """Old versions, results and logs go by the retention settings; the database is checked and tidied."""
    now, keep = work.clock.now(), work.settings.retention
    deleted = await work.write(lambda c: _delete_expendable(c, keep.versions))
    deleted_names = await asyncio.to_thread(_delete_versions, work.artifacts, deleted)
    results = await asyncio.to_thread(_delete_older, work.home.results, now - timedelta(days=keep.results_days))
    logs = await asyncio.to_thread(_delete_older, work.home.logs / "runs", now - timedelta(days=keep.logs_days))
    refused = await asyncio.to_thread(_delete_refused, work.home, now - timedelta(days=keep.quarantine_days))
    revisions = await asyncio.to_thread(_delete_revisions, work.home, keep.revisions)
    unfinished = await asyncio.to_thread(remove_unfinished, work.home.root, now - UNFINISHED_AGE)
    if not await work.read(lambda c: runs.unfinished(c, "training")):  # so no training will resume from them
        await asyncio.to_thread(shutil.rmtree, work.home.checkpoints_root, ignore_errors=True)
    watched = {target.label for target in targets(work.settings, work.home)}
    closed = await work.write(lambda c: alerts.close_unwatched(c, watched, work.settings, now))
    await asyncio.to_thread(work.database.tidy)
    return Ending(
        "succeeded",
        None,
        {
            "versions": deleted_names,
            "results": len(results),
            "logs": len(logs),
            "revisions": revisions,
            "refused": refused,
            "unfinished": len(unfinished),
            "alerts": len(closed),
        },
    )


def _delete_expendable(c: Connection, keep: int) -> list[Version]:
    """Every version that is deleted now. The row goes first, so that nothing ever points at a folder that is gone."""
    for version in servings.expendable(c, keep):
        versions.set_state(c, version.id, "deleted", ("retired", "rejected"))
    return versions.versions(c, states=("deleted",))


def _delete_versions(artifacts: ArtifactStore, deleted: list[Version]) -> list[str]:
    """Delete their files, also those that a killed maintenance left."""
    names = [ArtifactName(version.subject, version.model_type, version.version) for version in deleted]
    return [str(name) for name in names if artifacts.delete(name)]


def _delete_revisions(home: Home, keep: int) -> int:
    """All but the newest `keep` datasets that were replaced, of each series; how many."""
    deleted = 0
    for folder in home.revision_folders:
        newest_first = sorted(folder.glob("[!.]*.parquet"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in newest_first[keep:]:
            old.unlink(missing_ok=True)
            deleted += 1
    return deleted


def _delete_refused(home: Home, limit: datetime) -> int:
    """Refused bars and torn logs that were set aside before `limit`; how many files."""
    old = [file for file in home.data_quarantine.rglob("[!.]*") if file.is_file() and _before(file, limit)]
    for file in old:
        file.unlink(missing_ok=True)
    return len(old)


def _before(file: Path, limit: datetime) -> bool:
    return file.stat().st_mtime < limit.timestamp()


def _delete_older(root: Path, limit: datetime) -> list[Path]:
    if not root.exists():
        return []
    old = [entry for entry in root.iterdir() if entry.name != ".gitkeep" and _before(entry, limit)]
    for entry in old:
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
    return old
