"""The restore drill: a backup is worth what can be brought back from it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import NightdeskError, UsageError
from config.paths import Home
from config.publish import TEMP_PREFIX
from daemon import backups
from daemon.backups import Backup
from daemon.jobs.backup.messages import ProveBackupResult
from daemon.store import versions
from daemon.store.database import Database
from daemon.store.versions import Version
from trainers.artifact import load_artifact, prove
from trainers.manifest import MANIFEST

if TYPE_CHECKING:
    from daemon.executors.worker.main import WorkContext
    from daemon.jobs.backup.messages import ProveBackupRequest


def prove_backup(context: WorkContext, request: ProveBackupRequest) -> ProveBackupResult:
    """Prove a backup in a scratch home that is gone afterwards."""
    folder = next((folder for folder in context.home.backups if folder.name == request.backup), None)
    if folder is None:
        raise UsageError(
            "backup.unknown", f"There is no backup {request.backup!r}.", "Take one, or name one that exists."
        )
    with tempfile.TemporaryDirectory(prefix=TEMP_PREFIX, dir=context.home.models) as scratch:
        return prove_in(Path(scratch), folder)


def prove_in(scratch: Path, folder: Path) -> ProveBackupResult:
    """Restore a backup into `scratch`, load its champions there and see them reproduce their golden predictions."""
    home = Home(scratch)
    backup = backups.restore(folder, home)
    for name, sha256 in _champions(home, backup).items():
        prove(load_artifact(home.root / name, sha256))
    champions = tuple(backup.manifest.champions)
    return ProveBackupResult(backup=backup.name, files=backup.files, bytes=backup.bytes, champions=champions)


def _champions(home: Home, backup: Backup) -> dict[str, str]:
    """The folders of the models that served, each with the sha256 of its manifest; the restored database agrees."""
    files = backup.manifest.files
    recorded = {name: files[f"{name}/{MANIFEST}"].sha256 for name in backup.manifest.champions}
    if home.database.exists():
        serving = {
            backups.version_folder(home, version).relative_to(home.root).as_posix(): version.manifest_sha256
            for version in _serving(home)
        }
        if serving != recorded:
            raise NightdeskError(
                "backup.inconsistent",
                f"The database in {backup.name} names other champions than its manifest: {sorted(serving)}.",
                "Do not restore it; take a new backup.",
            )
    return recorded


def _serving(home: Home) -> list[Version]:
    """The champions of the restored database, which is migrated as a desk that starts from it would migrate it."""
    database = Database.open(home.database)
    try:
        return database.read(versions.champions)
    finally:
        database.close()
