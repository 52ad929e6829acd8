"""Deletes old files that the desk has written itself; every other file in the home is its owner's and stays."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from data_pipeline.buckets.log_index import LogIndex

if TYPE_CHECKING:
    from config.paths import Home
    from daemon.store.retention import RecordName, Series

# The time at the end of the name of a file of refused rows.
_REFUSED_AT = re.compile(r"-(\d{8}T\d{6})\.parquet")
# A fold in the folder of a record, named by its training span, and the rehearsals of retrainings.
_RECORDED = re.compile(r"\d{14}-\d{14}|rehearsals")


def delete_results(home: Home, ended: Mapping[str, datetime], protected: Collection[str]) -> int:
    """The reports of runs that have `ended`, but not the runs that hold a `protected` report; how many runs.

    A file that was changed after the end of its run is the owner's.
    """
    protected_runs = {Path(report).parts[1] for report in protected}  # results/<run>/...
    folders = {home.result(run): end for run, end in ended.items() if run not in protected_runs}
    own = {folder: end for folder, end in folders.items() if folder.is_dir() and not folder.is_symlink()}
    return sum(_delete_written_until(folder, end) for folder, end in own.items())


def _delete_written_until(folder: Path, end: datetime) -> bool:
    """Delete the files of a folder that were written until `end`, and the folders left empty; whether any file was.

    No run makes a link: those there are the owner's.
    """
    entries = sorted(folder.rglob("*"), reverse=True)  # what is in a folder comes before it
    files = [entry for entry in entries if not (entry.is_dir() or entry.is_symlink()) and _older(entry, end)]
    for file in files:
        file.unlink(missing_ok=True)
    for each in [*(entry for entry in entries if entry.is_dir() and not entry.is_symlink()), folder]:
        if not any(each.iterdir()):
            each.rmdir()
    return bool(files)


def delete_logs(home: Home, ended: Collection[str]) -> int:
    """The logs of runs that have `ended`; how many."""
    return _deleted(home.run_log(run) for run in ended)


def delete_refused(home: Home, series: Collection[Series], limit: datetime) -> int:
    """Rows that were refused before `limit`, of stored series, and torn logs of traders; how many files."""
    rows = [path for each in series for path in home.quarantines(*each) if _refused_before(path, limit)]
    torn = [home.trades_quarantine / path for path in LogIndex(home).paths]
    return _deleted([*rows, *(path for path in torn if path.is_file() and _older(path, limit))])


def _refused_before(path: Path, limit: datetime) -> bool:
    at = _REFUSED_AT.search(path.name)
    return at is not None and datetime.strptime(at[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC) < limit


def delete_revisions(home: Home, datasets: Collection[str], keep: int) -> int:
    """All but the newest `keep` of the `datasets` that were replaced, of each series; how many."""
    deleted = 0
    for folder in home.revision_folders:
        recorded = [path for path in folder.glob("[!.]*.parquet") if path.stem in datasets]
        newest_first = sorted(recorded, key=lambda path: path.stat().st_mtime, reverse=True)
        deleted += _deleted(newest_first[keep:])
    return deleted


def delete_folds(home: Home, unused: Collection[RecordName]) -> int:
    """The folds and rehearsals of `unused` records; of how many records. Other files in their folders stay."""
    return sum([_delete_record(home.record(*name)) for name in sorted(unused)])


def _delete_record(folder: Path) -> bool:
    """Only what the desk writes there; the folder too, if nothing else is in it."""
    if not folder.is_dir() or folder.is_symlink():
        return False
    for part in list(folder.iterdir()):
        if _RECORDED.fullmatch(part.name) and part.is_dir() and not part.is_symlink():
            shutil.rmtree(part)
    for name in ("bars.json", "plan.json"):
        (folder / name).unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()
    return True


def _deleted(paths: Iterable[Path]) -> int:
    files = [path for path in paths if path.is_file()]
    for file in files:
        file.unlink(missing_ok=True)
    return len(files)


def _older(path: Path, limit: datetime) -> bool:
    return path.lstat().st_mtime <= limit.timestamp()
