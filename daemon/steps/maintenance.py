"""maintenance: keep the home small and sound, and never delete what serves or might serve again."""

from __future__ import annotations

import asyncio
import shutil
from datetime import datetime, timedelta
from pathlib import Path

from config.publish import remove_unfinished
from daemon.steps.base import Ending, RunWork
from daemon.store import models
from daemon.store.models import Version

# Work in progress is younger than this.
UNFINISHED_AGE = timedelta(days=1)


async def maintain(work: RunWork) -> Ending:
    """Old versions, results and logs go by the retention settings; the database is checked and tidied."""
    now, keep = work.clock.now(), work.settings.retention
    expendable = await work.read(lambda c: models.expendable(c, keep=keep.versions))
    versions = [await _delete(work, version) for version in expendable]
    results = await asyncio.to_thread(_delete_older, work.home.results, now - timedelta(days=keep.results_days))
    logs = await asyncio.to_thread(_delete_older, work.home.logs / "runs", now - timedelta(days=keep.logs_days))
    unfinished = await asyncio.to_thread(remove_unfinished, work.home.root, now - UNFINISHED_AGE)
    await asyncio.to_thread(work.database.tidy)
    return Ending(
        "succeeded",
        None,
        {"versions": versions, "results": len(results), "logs": len(logs), "unfinished": len(unfinished)},
    )


async def _delete(work: RunWork, version: Version) -> str:
    """The row first, so that nothing ever points at a folder that is gone."""
    await work.write(lambda c: models.set_state(c, version.id, "deleted", ("retired", "rejected")))
    folder = work.home.model(version.symbol, version.model_type, version.version)
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    return work.home.relative(folder)


def _delete_older(root: Path, limit: datetime) -> list[Path]:
    if not root.exists():
        return []
    old = [entry for entry in root.iterdir() if entry.name != ".gitkeep" and entry.stat().st_mtime < limit.timestamp()]
    for entry in old:
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
    return old
