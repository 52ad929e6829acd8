"""Backups: whole copies of what cannot be made again, read back before they are trusted.

A backup is laid out like a home (its files are named by `Home(folder)`), with a manifest that was written last and
holds the sha256 of every other file. Its files are copies, so it survives damage to the originals; content that an
earlier backup already holds is shared with it by hard link, after it was read back there.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from config.errors import NightdeskError
from config.paths import Home
from config.publish import TEMP_PREFIX, publishing, publishing_folder
from config.settings import Section, Settings
from daemon.store.backups import reading, worth_keeping
from trainers.manifest import MANIFEST, FileEntry, read_manifest, sha256_file, verify_files

if TYPE_CHECKING:
    from daemon.store.database import Database
    from daemon.store.models import Version

# Relative names of plain folders, ending in one of the suffixes that hold no code.
_SAFE_FILE = re.compile(
    r"(?:[A-Za-z0-9^_][A-Za-z0-9.^=_-]{0,63}/){0,4}[a-z][a-z0-9_]{0,63}\.(?:safetensors|json|sqlite3)"
)


class BackupManifest(Section):
    """What a backup holds; `champions` are the folders of the models that served."""

    format: Literal[1] = 1
    taken_at: datetime
    code_version: str
    champions: list[str]
    files: dict[str, FileEntry]


@dataclass(frozen=True)
class Backup:
    """A backup on disk."""

    folder: Path
    manifest: BackupManifest

    @property
    def name(self) -> str:
        """How readers call it."""
        return self.folder.name

    @property
    def taken_at(self) -> datetime:
        """The moment it shows."""
        return self.manifest.taken_at

    @property
    def files(self) -> int:
        """How many files it holds, its manifest not counted."""
        return len(self.manifest.files)

    @property
    def bytes(self) -> int:
        """How large they are together; what is shared with other backups counts in each."""
        return sum(entry.bytes for entry in self.manifest.files.values())


def take(home: Home, database: Database, now: datetime, settings: Settings) -> Backup:
    """Back up the models worth keeping, the database and the settings in force, as of `now`."""
    folder = home.backup(now)
    if folder.exists():
        raise NightdeskError(
            "backup.exists", f"The backup {folder.name} exists already.", "A backup is never changed; wait a second."
        )
    shared = _contents_of_newest(home)
    with _told("backup.not_written", folder.name), publishing_folder(folder) as temp:
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
            files={name: _entry(path) for name, path in _walk(temp)},
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
    source, target = version_folder(home, version), version_folder(copy, version)
    manifest = read_manifest(source)
    verify_files(source, manifest, version.manifest_sha256)
    target.mkdir(parents=True)
    _place(source / MANIFEST, target / MANIFEST, shared.get(version.manifest_sha256))
    for name, entry in manifest.files.items():
        _place(source / name, target / name, shared.get(entry.sha256))
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
            files = _read_manifest(folder).files
            return {entry.sha256: folder / name for name, entry in files.items() if (folder / name).is_file()}
    return {}


def verify(folder: Path) -> Backup:
    """Read every file of a backup back; raise `backup.damaged`, naming the file, unless all are as written."""
    manifest = _read_manifest(folder)
    found = dict(_walk(folder))
    found.pop(MANIFEST, None)
    for name in sorted(found.keys() - manifest.files.keys()):
        raise _damaged(folder, f"{name} is not in its manifest")
    for name, entry in manifest.files.items():
        if name not in found:
            raise _damaged(folder, f"{name} is missing")
        try:
            same = _entry(found[name]) == entry
        except OSError as error:
            raise _damaged(folder, f"{name} cannot be read ({error.strerror})") from error
        if not same:
            raise _damaged(folder, f"{name} is not what was written")
    return Backup(folder, manifest)


def restore(folder: Path, home: Home) -> Backup:
    """Bring a backup back into an empty home; the database comes last, so an interrupted restore is no desk yet."""
    backup = verify(folder)
    _refuse_used(home)
    models = {(folder / name).parent for name in backup.manifest.files if name.endswith(f"/{MANIFEST}")}
    with _told("restore.not_written", folder.name):
        for model in sorted(models):
            with publishing_folder(home.root / model.relative_to(folder)) as temp:
                shutil.copytree(model, temp, copy_function=shutil.copyfile, dirs_exist_ok=True)
        with publishing(home.config) as temp:
            shutil.copyfile(Home(folder).config, temp)
        _copy_database_back(folder, home)
    return backup


def restore_database(home: Home) -> str | None:
    """Bring back only the database, where a damaged one was set aside, from the newest backup that is sound.

    Returns that backup's name; None if there is none.
    """
    _refuse(_database_files(home), home)
    for folder in reversed(home.backups):
        if Home(folder).database.exists() and _is_sound(folder):
            with _told("restore.not_written", folder.name):
                _copy_database_back(folder, home)
            return folder.name
    return None


def _copy_database_back(folder: Path, home: Home) -> None:
    source = Home(folder).database
    if source.exists():
        with publishing(home.database) as temp:
            shutil.copyfile(source, temp)


def prune(home: Home, keep: int) -> list[str]:
    """Let go of all but the newest `keep` backups; returns the names of those that went.

    If none of these can be read back, the newest older one that can stays too.
    """
    folders = home.backups[::-1]
    doomed = folders[keep:]
    if doomed and not any(_is_sound(folder) for folder in folders[:keep]):
        spared = next((folder for folder in doomed if _is_sound(folder)), None)
        doomed = [folder for folder in doomed if folder != spared]
    for folder in doomed:
        _delete(folder)
    return [folder.name for folder in doomed]


def _delete(folder: Path) -> None:
    """Under another name first: half a backup must never look like one."""
    grave = folder.with_name(f"{TEMP_PREFIX}{folder.name}")
    folder.rename(grave)
    shutil.rmtree(grave)


def _is_sound(folder: Path) -> bool:
    try:
        verify(folder)
    except NightdeskError:
        return False
    return True


def version_folder(home: Home, version: Version) -> Path:
    """Where a home, or a backup, holds this version."""
    return home.model(version.symbol, version.model_type, version.version)


def _entry(path: Path) -> FileEntry:
    return FileEntry(sha256=sha256_file(path), bytes=path.stat().st_size)


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file below `folder` by its relative name; links, devices and names that could do harm are refused."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() and not path.is_symlink():
            continue
        if path.is_symlink() or not path.is_file() or not _SAFE_FILE.fullmatch(name):
            raise _damaged(folder, f"{name!r} is no file that a backup holds")
        yield name, path


def _read_manifest(folder: Path) -> BackupManifest:
    try:
        return BackupManifest.model_validate_json((folder / MANIFEST).read_bytes())
    except OSError as error:
        raise _damaged(folder, f"its {MANIFEST} cannot be read ({error.strerror})") from error
    except ValidationError as error:
        raise _damaged(folder, f"its {MANIFEST} is not one this version can read") from error


def _damaged(folder: Path, why: str) -> NightdeskError:
    return NightdeskError(
        "backup.damaged",
        f"The backup {folder.name} cannot be used: {why}.",
        "Use another backup, and check the disk.",
    )


def _refuse_used(home: Home) -> None:
    models = [path for path in home.models.glob("*/") if path not in home.backups and not path.name.startswith(".")]
    configs = [home.config] if home.config.exists() else []
    _refuse([*_database_files(home), *configs, *models], home)


def _database_files(home: Home) -> list[Path]:
    """The database and the logs that SQLite would replay into whatever stands in its place."""
    names = [f"{home.database.name}{suffix}" for suffix in ("", "-wal", "-shm", "-journal")]
    return [path for name in names if (path := home.database.with_name(name)).exists()]


def _refuse(used: list[Path], home: Home) -> None:
    if used:
        raise NightdeskError(
            "restore.not_empty",
            f"The home is not empty: it holds {home.relative(used[0])}.",
            "Restore into an empty folder (--home), or move what is there out of the way.",
        )


@contextmanager
def _told(code: str, name: str) -> Iterator[None]:
    """Say what the file system refused; whatever was half-written is gone by then."""
    try:
        yield
    except OSError as error:
        raise NightdeskError(
            code,
            f"{name} could not be written: {error.strerror or error}.",
            "Free space or mend the folder's permissions; nothing half-written stayed behind.",
        ) from error
