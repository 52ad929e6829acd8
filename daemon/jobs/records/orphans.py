"""Folds that a history is not cut into any more: those of before bars came in front of its first one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daemon.jobs.records.keeping import RecordKeeper


def delete_orphans(keeper: RecordKeeper) -> int:
    """Delete the stored folds that no plan names any more; returns how many there were.

    Folds of another number, and those beyond the newest bars, which may come back, stay; so does every file that is no
    fold.
    """
    folds = keeper.plan.every_fold(keeper.inputs)
    if not folds:
        return 0
    named, newest = {str(fold.train) for fold in folds}, f"{keeper.inputs.times[-1]:%Y%m%d%H%M%S}"
    orphans = [
        folder
        for folder, train in _stored(keeper.folder)
        if train not in named and folder.name.rpartition("-")[2] <= newest
    ]
    for folder in orphans:
        shutil.rmtree(folder)
    return len(orphans)


def _stored(record: Path) -> Iterator[tuple[Path, str]]:
    """The folder of each readable fold, and the span it was trained on."""
    for path in record.glob("*/fold.json"):
        try:
            yield path.parent, str(json.loads(path.read_bytes())["train"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
