"""Taking backups, and deleting old ones."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from datetime import datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import NightdeskError
from config.paths import Home
from config.publish import TEMP_PREFIX, publishing_folder
from config.settings import Settings
from daemon.artifacts.base import ArtifactName
from daemon.artifacts.open import open_artifacts
from daemon.backups.faults import refused_by_disk
from daemon.backups.manifest import Backup, BackupManifest, is_sound, measured, read_manifest, walk
from daemon.store.backups import worth_keeping
from daemon.store.engines import reading
from trainers.manifest import MANIFEST, sha256_file, verify_files
from trainers.manifest import read_manifest as read_model_manifest

if TYPE_CHECKING:
    from daemon.store.database import Database
    from daemon.store.versions import Version


def take(home: Home, database: Database, now: datetime, settings: Settings) -> Backup:
    """Back up the models worth keeping, the database and the settings in force, as of `now`."""
    folder = home.backup(now)
    if folder.exists():
        raise NightdeskError(
            "backup.exists", f"The backup {folder.name} exists already.", "A backup is never changed; wait a second."
        )
    shared = _contents_of_newest(home)
    with refused_by_disk("backup.not_written", folder.name), publishing_folder(folder) as temp:
        copy = Home(temp)
        copy.config.write_text(settings.model_dump_json(indent=2), encoding="utf-8")
        versions = _copy_database(database, copy)
        for version in versions:
            _copy_version(home, copy, version, shared)
        manifest = BackupManifest(
            taken_at=now,
            code_version=installed("nightdesk"),
            champions=sorted(
                version_folder(copy, version).relative_to(temp).as_posix()
                for version in versions
                if version.state == "champion"
            ),
            files={name: measured(path) for name, path in walk(temp)},
        )
        (temp / MANIFEST).write_text(manifest.model_dump_json(indent=2), encoding="utf-8")
    return Backup(folder, manifest)


def _copy_database(database: Database, copy: Home) -> list[Version]:
    """Snapshot it, and choose the models by the snapshot, so that the two always fit together."""
    if not database.embedded:
        return database.read(worth_keeping)
    database.snapshot(copy.database)
    with reading(copy.database) as c:
        return worth_keeping(c)


def _copy_version(home: Home, copy: Home, version: Version, shared: dict[str, Path]) -> None:
    name = ArtifactName(version.subject, version.model_type, version.version)
    source, target = open_artifacts(home).fetch(name), version_folder(copy, version)
    manifest = read_model_manifest(source)
    verify_files(source, manifest, version.manifest_sha256)
    target.mkdir(parents=True)
    _place(source / MANIFEST, target / MANIFEST, shared.get(version.manifest_sha256))
    for file, entry in manifest.files.items():
        _place(source / file, target / file, shared.get(entry.sha256))
    verify_files(target, manifest, version.manifest_sha256)


def _place(source: Path, target: Path, twin: Path | None) -> None:
    """Link the same content of an earlier backup, where that is sound and the file system can; else copy."""
    if twin is not None and sha256_file(twin) == sha256_file(source):
        with suppress(OSError):
            os.link(twin, target)
            return
    shutil.copyfile(source, target)


def _contents_of_newest(home: Home) -> dict[str, Path]:
    """Where the newest backup holds which content; nothing is shared with one that cannot be read."""
    for folder in reversed(home.backups):
        with suppress(NightdeskError):
            files = read_manifest(folder).files
            return {entry.sha256: folder / name for name, entry in files.items() if (folder / name).is_file()}
    return {}


def version_folder(home: Home, version: Version) -> Path:
    """Where a backup, which is laid out like a home, holds this version."""
    return home.model(version.subject, version.model_type, version.version)


def prune(home: Home, keep: int) -> list[str]:
    """Delete all but the newest `keep` backups; returns the names of the deleted ones.

    If none of the newest is sound, the newest sound one of the others stays too.
    """
    folders = home.backups[::-1]
    to_delete = folders[keep:]
    if to_delete and not any(is_sound(folder) for folder in folders[:keep]):
        spared = next((folder for folder in to_delete if is_sound(folder)), None)
        to_delete = [folder for folder in to_delete if folder != spared]
    for folder in to_delete:
        _delete(folder)
    return [folder.name for folder in to_delete]


def _delete(folder: Path) -> None:
    """Under another name first: half a backup must never look like one."""
    trash = folder.with_name(f"{TEMP_PREFIX}{folder.name}")
    folder.rename(trash)
    shutil.rmtree(trash)
