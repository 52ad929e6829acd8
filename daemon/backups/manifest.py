"""The manifest of a backup, and the lists of files that it names."""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pydantic import Field, ValidationError

from config.names import BACKUP
from config.section import Section
from daemon.backups.faults import damaged, first_format
from trainers.manifest import Sha256

# The names of backups: `backup_20260105_030405`.
NAME = re.compile(rf"{BACKUP}\d{{8}}_\d{{6}}")
MAX_LIST = 256 * 2**20  # bytes of one list of files, uncompressed
_PART = re.compile(r"[^/\x00-\x1f\x7f\\\ud800-\udfff]{1,255}")  # no control character, no name that is not UTF-8
_ROOTS = frozenset({"training_config.json", "desk.id", "models", "data", "results"})


class BackupManifest(Section):
    """What a backup holds. Its content lies in objects, each named by the sha256 of its bytes.

    Args:
        rows: the rows of its database.
        ledger: what tells this database from one that was begun anew: the sha256 of its first run.
        revision: the revision of the tables.
        tables: the objects of each table, in order.
        champions: the folder of each model that served, and the sha256 of its manifest.
        lists: the object that lists the files of each folder.
    """

    format: Literal[2] = 2
    taken_at: datetime
    code_version: str
    files: int = Field(ge=0)
    bytes: int = Field(ge=0)
    rows: int = Field(ge=0)
    ledger: Sha256 | None
    revision: str
    tables: dict[str, tuple[Sha256, ...]]
    champions: dict[str, Sha256]
    lists: dict[str, Sha256]


@dataclass(frozen=True)
class StoredFile:
    """A file in a backup: its name relative to the home, and the object, or the objects in order, of its content."""

    name: str
    sha256: str
    bytes: int
    parts: tuple[str, ...] = field(default=())

    @property
    def objects(self) -> tuple[str, ...]:
        """The objects of its content."""
        return self.parts or (self.sha256,)


@dataclass(frozen=True)
class Backup:
    """A backup that was taken.

    Args:
        left_out: damaged models, and files whose names it cannot hold.
        damaged: files of the home with flipped bits, which it holds as they were before.
    """

    name: str
    manifest: BackupManifest
    left_out: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()

    @property
    def taken_at(self) -> datetime:
        """The moment it shows."""
        return self.manifest.taken_at

    @property
    def files(self) -> int:
        """How many files it holds, the database not counted."""
        return self.manifest.files

    @property
    def bytes(self) -> int:
        """How large files and tables are together; what is shared with other backups counts in each."""
        return self.manifest.bytes


def manifest_bytes(manifest: BackupManifest) -> bytes:
    """The content of a manifest's file: the manifest, and the sha256 by which any change of it is noticed."""
    document = manifest.model_dump(mode="json")
    return _compact({"sha256": hashlib.sha256(_compact(document)).hexdigest(), "backup": document})


def read_manifest(name: str, data: bytes) -> BackupManifest:
    """The manifest in the content of its file; `backup.damaged` unless it is what was written."""
    try:
        document = json.loads(data)
        if document.get("format") == 1:
            raise first_format(name)
        backup, sha256 = document["backup"], document["sha256"]
        if hashlib.sha256(_compact(backup)).hexdigest() != sha256:
            raise damaged(name, "its manifest.json is not what was written")
        return BackupManifest.model_validate_json(_compact(backup))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ValidationError) as error:
        raise damaged(name, "its manifest.json is not one this version can read") from error


def _compact(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def list_bytes(files: Iterable[StoredFile]) -> bytes:
    """A list of files as the content of an object."""
    lines = (json.dumps([file.name, file.sha256, file.bytes, *file.parts]) for file in files)
    return zlib.compress("\n".join(lines).encode(), 6)


def read_list(name: str, data: bytes) -> list[StoredFile]:
    """The files in the content of a list; a name that could lead out of a home is refused."""
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(data, MAX_LIST).decode()
        rows = [json.loads(line) for line in text.split("\n") if line]
        files = [StoredFile(row[0], row[1], row[2], tuple(row[3:])) for row in rows]
    except (zlib.error, ValueError, IndexError, TypeError) as error:
        raise damaged(name, "a list of its files cannot be read") from error
    for file in files:
        _refuse_unsafe(name, file.name)
    return files


def is_safe(file: str) -> bool:
    """Whether a backup can hold a file of this name, relative to the home."""
    parts = file.split("/")
    plain = all(_PART.fullmatch(part) and part not in (".", "..") for part in parts)
    return plain and parts[0] in _ROOTS and len(file) <= 1024


def _refuse_unsafe(name: str, file: str) -> None:
    if not is_safe(file):
        raise damaged(name, f"{file[:200]!r} is no file that a backup holds")


def by_folder(files: Iterable[StoredFile]) -> Mapping[str, list[StoredFile]]:
    """The files by the folder whose list they stand in: few enough lists, of which few change in a night."""
    folders: dict[str, list[StoredFile]] = {}
    for file in sorted(files, key=lambda file: file.name):
        parts = file.name.split("/")[:-1]
        depth = 2 if parts[:1] in (["models"], ["results"]) else 3
        folders.setdefault("/".join(parts[:depth]) or ".", []).append(file)
    return folders
