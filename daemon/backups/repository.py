"""The place of backups: objects named by the sha256 of their bytes, and a manifest for each backup, written last.

    backup_objects/<2 characters>/<sha256>
    backup_20260105_030405/manifest.json
    desk.json                                   outside the home: the id of the desk to which the place belongs

The same in the home (`models/`), in a folder and in a bucket.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from config.errors import NightdeskError
from config.names import BACKUP, BACKUP_OBJECTS
from daemon.backups.faults import damaged, unknown
from daemon.backups.first_format import is_first_format
from daemon.backups.manifest import NAME, BackupManifest, StoredFile, manifest_bytes, read_list, read_manifest
from data_pipeline.buckets.folder import FolderBucket
from trainers.manifest import MANIFEST

if TYPE_CHECKING:
    from pathlib import Path

    from config.paths import Home
    from data_pipeline.buckets.base import Bucket

_OBJECT = re.compile(rf"{BACKUP_OBJECTS}/[0-9a-f]{{2}}/([0-9a-f]{{64}})")
_MANIFEST = re.compile(rf"({NAME.pattern})/{re.escape(MANIFEST)}")
# Every manifest's key begins so (the years are 2000 to 2999), and no object's.
_MANIFESTS = f"{BACKUP}2"
_OWNER = "desk.json"
_GONE = ("r2.gone", "r2.torn")


class Repository:
    """The backups in one bucket. What it reads is what was written, or an error.

    Args:
        bucket: where they lie.
        label: how readers call it.
        folder: the folder, if they lie in one.
    """

    def __init__(self, bucket: Bucket, label: str, folder: Path | None = None) -> None:
        self._bucket = bucket
        self.label = label
        self.folder = folder
        self._indexes: dict[str, bytes] = {}

    def first_format(self, name: str) -> Path | None:
        """The folder of a backup, if it is one of the first format."""
        folder = self.folder / name if self.folder is not None else None
        return folder if folder is not None and is_first_format(folder) else None

    def names(self) -> list[str]:
        """Every backup, oldest first."""
        keys = (_MANIFEST.fullmatch(entry.key) for entry in self._bucket.list(_MANIFESTS))
        return sorted(match[1] for match in keys if match)

    def manifest_data(self, name: str) -> bytes:
        """The bytes of the manifest of a backup."""
        try:
            return self._bucket.read(f"{name}/{MANIFEST}")
        except NightdeskError as error:
            if error.code not in _GONE:
                raise
            raise unknown(name, self.names(), self.label) from error

    def manifest(self, name: str) -> BackupManifest:
        """The manifest of a backup, as it was written."""
        return read_manifest(name, self.manifest_data(name))

    def publish(self, name: str, manifest: BackupManifest) -> None:
        """Write the manifest of a backup, all of whose objects are there; from then on the backup exists.

        One that is damaged there is replaced, for it is the manifest of no backup.
        """
        data = manifest_bytes(manifest)
        if not self._bucket.put(f"{name}/{MANIFEST}", data) and self.manifest_data(name) != data:
            if self._has_sound_manifest(name):
                raise NightdeskError(
                    "backup.exists",
                    f"The backup {name} exists already in {self.label}, with another content.",
                    "A backup is never changed; wait a second. Give every desk a place of its own.",
                )
            self._bucket.put(f"{name}/{MANIFEST}", data, if_absent=False)
        if self._bucket.read(f"{name}/{MANIFEST}") != data:
            raise damaged(name, f"its manifest was not read back from {self.label} as it was written")

    def _has_sound_manifest(self, name: str) -> bool:
        try:
            self.manifest(name)
        except NightdeskError as error:
            if error.code != "backup.damaged":
                raise
            return False
        return True

    def owner(self) -> str | None:
        """The id of the desk to which the place belongs; None where nobody's is noted, or the note is torn."""
        try:
            return str(json.loads(self._bucket.read(_OWNER))["desk"])
        except NightdeskError as error:
            if error.code not in _GONE:
                raise
            return None
        except (ValueError, KeyError, TypeError):
            return None

    def note_owner(self, desk: str) -> str:
        """Note that the place belongs to this desk, where no other is noted; returns the id that is noted then."""
        if (owner := self.owner()) is None:
            note = json.dumps({"desk": desk}).encode()
            if not self._bucket.put(_OWNER, note) and self.owner() is None:
                self._bucket.put(_OWNER, note, if_absent=False)
            owner = self.owner()
        return owner or desk

    def delete(self, name: str) -> None:
        """Delete the manifest of a backup; its objects go when they are collected."""
        self._bucket.delete(f"{name}/{MANIFEST}")

    def objects(self) -> dict[str, int]:
        """Every object and its size."""
        keys_and_sizes = (
            (_OBJECT.fullmatch(entry.key), entry.size) for entry in self._bucket.list(f"{BACKUP_OBJECTS}/")
        )
        return {match[1]: size for match, size in keys_and_sizes if match}

    def read(self, sha256: str, name: str = "") -> bytes:
        """The content of an object; `backup.damaged`, naming the backup `name`, unless it is what was written."""
        try:
            data = self._bucket.read(_key(sha256))
        except NightdeskError as error:
            if error.code not in _GONE:
                raise
            raise damaged(name, f"the object {sha256[:12]} is missing") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise damaged(name, f"the object {sha256[:12]} is not what was written")
        return data

    def read_index(self, sha256: str, name: str = "") -> bytes:
        """The same for what several backups are asked by, such as lists of files: each is read once."""
        if sha256 not in self._indexes:
            self._indexes[sha256] = self.read(sha256, name)
        return self._indexes[sha256]

    def take_indexes(self, other: Repository) -> None:
        """What was read elsewhere under the same hash need not be read here."""
        self._indexes |= other._indexes

    def holds(self, sha256: str) -> bool:
        """Whether an object can be read back as it was written."""
        try:
            self.read(sha256)
        except NightdeskError as error:
            if error.code != "backup.damaged":
                raise
            return False
        return True

    def write(self, data: bytes, *, replace: bool = False) -> str:
        """Store an object and read it back; returns its name. One that is damaged there is replaced."""
        sha256 = hashlib.sha256(data).hexdigest()
        self._bucket.put(_key(sha256), data, if_absent=not replace)
        if not self.holds(sha256):
            self._bucket.put(_key(sha256), data, if_absent=False)
            self.read(sha256)
        return sha256

    def delete_object(self, sha256: str) -> None:
        """Delete an object that no backup names."""
        self._bucket.delete(_key(sha256))

    def files(self, name: str, manifest: BackupManifest) -> list[StoredFile]:
        """The files of a backup, by name."""
        lists = (read_list(name, self.read_index(sha256, name)) for sha256 in manifest.lists.values())
        return sorted((file for files in lists for file in files), key=lambda file: file.name)

    def content(self, name: str, file: StoredFile) -> bytes:
        """The content of a file."""
        data = b"".join(self.read(sha256, name) for sha256 in file.objects)
        if file.parts and hashlib.sha256(data).hexdigest() != file.sha256:
            raise damaged(name, f"{file.name} is not what was written")
        return data


def _key(sha256: str) -> str:
    return f"{BACKUP_OBJECTS}/{sha256[:2]}/{sha256}"


def home_repository(home: Home) -> Repository:
    """The backups in the home itself."""
    home.models.mkdir(parents=True, exist_ok=True)
    return Repository(FolderBucket(home.models.resolve(), private=True), "the home", home.models)


def readable_backups(repository: Repository) -> Iterator[tuple[str, dict[str, StoredFile]]]:
    """Every backup that can be read, newest first, with its files by name."""
    for name in reversed(repository.names()):
        try:
            files = repository.files(name, repository.manifest(name))
        except NightdeskError:
            continue
        yield name, {file.name: file for file in files}


def newest_files(repository: Repository) -> dict[str, StoredFile]:
    """The files of the newest backup that can be read, by name."""
    return next((files for _, files in readable_backups(repository)), {})
