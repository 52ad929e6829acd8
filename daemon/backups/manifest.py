"""The manifest of a backup, and the reading back of everything in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Self

from pydantic import ValidationError, model_validator

from config.errors import NightdeskError
from config.section import Section
from daemon.backups.faults import damaged
from trainers.manifest import MANIFEST, FileEntry, sha256_file

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

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if missing := [name for name in self.champions if f"{name}/{MANIFEST}" not in self.files]:
            raise ValueError(f"the champion {missing[0]} is not among the files")
        return self


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


def verify(folder: Path) -> Backup:
    """Read every file of a backup back; raise `backup.damaged`, naming the file, unless all are as written."""
    manifest = read_manifest(folder)
    paths = dict(walk(folder))
    paths.pop(MANIFEST, None)
    for name in sorted(paths.keys() - manifest.files.keys()):
        raise damaged(folder, f"{name} is not in its manifest")
    for name, entry in manifest.files.items():
        if name not in paths:
            raise damaged(folder, f"{name} is missing")
        try:
            same = measured(paths[name]) == entry
        except OSError as error:
            raise damaged(folder, f"{name} cannot be read ({error.strerror})") from error
        if not same:
            raise damaged(folder, f"{name} is not what was written")
    return Backup(folder, manifest)


def is_sound(folder: Path) -> bool:
    """Whether a backup can be read back whole at this moment."""
    try:
        verify(folder)
    except NightdeskError:
        return False
    return True


def measured(path: Path) -> FileEntry:
    """What a manifest says of the file at `path`."""
    return FileEntry(sha256=sha256_file(path), bytes=path.stat().st_size)


def walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file below `folder` by its relative name; links, devices and names that could do harm are refused."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() and not path.is_symlink():
            continue
        if path.is_symlink() or not path.is_file() or not _SAFE_FILE.fullmatch(name):
            raise damaged(folder, f"{name!r} is no file that a backup holds")
        yield name, path


def read_manifest(folder: Path) -> BackupManifest:
    """What a backup says it holds; its other files are not looked at."""
    try:
        return BackupManifest.model_validate_json((folder / MANIFEST).read_bytes())
    except OSError as error:
        raise damaged(folder, f"its {MANIFEST} cannot be read ({error.strerror})") from error
    except ValidationError as error:
        raise damaged(folder, f"its {MANIFEST} is not one this version can read") from error
