"""What workers do for backups: read data, and restore a backup to prove it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import NightdeskError
from config.paths import Home
from config.publish import TEMP_PREFIX
from daemon import backups
from daemon.backups.contents import version_folder
from daemon.jobs.backup.messages import CheckDataResult, ProveBackupResult
from daemon.store import versions
from daemon.store.database import Database
from data_pipeline.bars.store import BarStore
from data_pipeline.news.headlines import HeadlineStore
from trainers.artifact import load_artifact, prove

if TYPE_CHECKING:
    from daemon.backups import Repository, Restored
    from daemon.executors.worker.main import WorkContext
    from daemon.jobs.backup.messages import CheckDataRequest, ProveBackupRequest


def check_data(context: WorkContext, request: CheckDataRequest) -> CheckDataResult:
    """Read bars, whose content must have the hash they were stored under, and headlines."""
    damaged = {}
    for name in request.files:
        try:
            _check(context.home, context.home.root / name)
        except NightdeskError as error:
            if error.code == "data.corrupt":
                damaged[name] = error.message
    return CheckDataResult(damaged=damaged)


def _check(home: Home, path: Path) -> None:
    if path.is_relative_to(home.headlines_root):
        HeadlineStore(home).load(path.parent.name, path.stem)
    else:
        BarStore(home).check(path)


def prove_backup(context: WorkContext, request: ProveBackupRequest) -> ProveBackupResult:
    """Restore the newest backup of a place, as the command does, onto an empty home that is gone afterwards."""
    if request.place is None:
        repository = backups.home_repository(context.home)
    else:
        repository = backups.open_place(request.place, context.home, context.secrets)
    resent = 0
    try:
        restored = _proved(repository, context.home)
    except NightdeskError as error:
        damaged = request.place is not None and error.code in ("backup.damaged", "backup.differs")
        if not damaged or not (resent := _send_again(context.home, repository)):
            raise
        restored = _proved(repository, context.home)
    return ProveBackupResult(
        backup=restored.backup,
        files=restored.files,
        bytes=restored.bytes,
        champions=tuple(restored.champions),
        resent=resent,
    )


def _send_again(home: Home, place: Repository) -> int:
    """Send what is damaged in the newest backup of a place again, if the home has it whole; how many objects."""
    try:
        return backups.copy(backups.home_repository(home), backups.newest(place), place).objects
    except NightdeskError:
        return 0


def _proved(repository: Repository, home: Home) -> Restored:
    """The newest backup, restored onto a home that is gone afterwards; `backup.differs` unless all of it came back."""
    with tempfile.TemporaryDirectory(prefix=TEMP_PREFIX, dir=home.models) as scratch:
        restored = restore_and_prove(repository, Home(Path(scratch).resolve() / "home"))
    if restored.differs:
        name, problem = next(iter(restored.differs.items()))
        more = f" ({len(restored.differs) - 1} more differ)" if len(restored.differs) > 1 else ""
        raise NightdeskError(
            "backup.differs",
            f"Not all of {restored.backup} in {repository.label} comes back as it was: {name}: {problem}{more}",
            "Take a new backup (`nightdesk backup --to PLACE` sends again what is damaged there), and check the disk.",
        )
    return restored


def restore_and_prove(
    repository: Repository, home: Home, name: str | None = None, *, postgresql: Callable[[], str | None] | None = None
) -> Restored:
    """Restore a backup onto an empty home; then its database must name the champions of the manifest, and each of
    them must reproduce its golden predictions.
    """
    restored = backups.restore(repository, home, name, postgresql=postgresql)
    differs = dict(restored.differs)
    if (serving := _serving(home, postgresql)) != restored.champions:
        differs["database"] = f"It names other champions than the manifest: {', '.join(sorted(serving)) or 'none'}."
    for folder, sha256 in restored.champions.items():
        try:
            prove(load_artifact(home.root / folder, sha256))
        except NightdeskError as error:
            differs[folder] = error.message
    return replace(restored, differs=differs)


def _serving(home: Home, postgresql: Callable[[], str | None] | None) -> dict[str, str]:
    """The champions of the restored database: their folders, each with the sha256 of its manifest."""
    url = postgresql() if postgresql else None
    with closing(Database.open(url or home.database)) as database:
        return {version_folder(each): each.manifest_sha256 for each in database.read(versions.champions)}
