"""Taking a backup in the home: objects first, the manifest last."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from importlib.metadata import version as installed
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import NightdeskError
from config.settings import Settings
from daemon.backups.contents import data_files, model_files, report_files, version_folder
from daemon.backups.faults import refused_by_disk
from daemon.backups.file_states import FileState, read_states, write_states
from daemon.backups.manifest import Backup, BackupManifest, StoredFile, by_folder, is_safe, list_bytes
from daemon.backups.repository import Repository, home_repository, newest_files
from daemon.store import backups as ledger

if TYPE_CHECKING:
    from config.paths import Home
    from daemon.store.database import Database
    from daemon.store.versions import Version

# A larger file is stored in parts of this size.
PART_BYTES = 64 * 2**20


class ObjectWriter:
    """Stores objects in a repository, each once; what is there already is read back, and replaced where damaged."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._present = repository.objects()
        self._done: set[str] = set()

    def add(self, data: bytes) -> str:
        """Store an object; returns its name."""
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 not in self._done:
            if sha256 not in self._present or not self._repository.holds(sha256):
                self._repository.write(data, replace=sha256 in self._present)
            self._done.add(sha256)
        return sha256


@dataclass
class _Stored:
    """The files of data and reports in a backup, their states, and what was wrong with some of them."""

    files: list[StoredFile] = field(default_factory=list)
    states: dict[str, FileState] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def take(
    home: Home, database: Database, now: datetime, settings: Settings, unmended: Collection[int] = frozenset()
) -> Backup:
    """Back up everything irreplaceable as of `now`; database and models are those of one transaction.

    The files of the versions with the ids `unmended`, which are damaged, are left out.
    """
    repository, name = home_repository(home), home.backup(now).name
    if name in repository.names():
        raise NightdeskError(
            "backup.exists", f"The backup {name} exists already.", "A backup is never changed; wait a second."
        )
    moment = database.read(ledger.moment)
    with refused_by_disk("backup.not_written", name):
        objects = ObjectWriter(repository)
        tables = {table: tuple(map(objects.add, blocks)) for table, blocks in moment.dump.tables.items()}
        left_out = [version_folder(version) for version in moment.versions if version.id in unmended]
        sound = [version for version in moment.versions if version.id not in unmended]
        stored = _store_data(home, moment.reports, objects, repository)
        files = [_config(settings, objects), *_stored_models(home, sound, objects), *stored.files]
        manifest = BackupManifest(
            taken_at=now,
            code_version=installed("nightdesk"),
            files=len(files),
            bytes=sum(file.bytes for file in files) + sum(map(len, chain(*moment.dump.tables.values()))),
            rows=moment.dump.rows,
            ledger=moment.ledger,
            revision=moment.dump.revision,
            tables=tables,
            champions={
                version_folder(version): version.manifest_sha256
                for version in moment.versions
                if version.state == "champion"
            },
            lists={folder: objects.add(list_bytes(listed)) for folder, listed in by_folder(files).items()},
        )
        repository.files(name, manifest)  # the lists can be read before the backup exists
        repository.publish(name, manifest)
        write_states(home, stored.states)
    return Backup(name, manifest, (*left_out, *stored.left_out), tuple(stored.damaged))


def _config(settings: Settings, objects: ObjectWriter) -> StoredFile:
    data = settings.model_dump_json(indent=2).encode()
    return StoredFile("training_config.json", objects.add(data), len(data))


def _stored_models(home: Home, versions: list[Version], objects: ObjectWriter) -> Iterator[StoredFile]:
    for version in versions:
        for name, path in model_files(home, version):
            yield _stored(name, path, objects)[0]


def _store_data(home: Home, reports: set[str], objects: ObjectWriter, repository: Repository) -> _Stored:
    """Store data and reports. Of a file with a flipped bit the backup holds what the one before it holds."""
    stored, before, whole = _Stored(), read_states(home), _WholeFiles(repository)
    for name, path in chain(data_files(home), report_files(home, reports)):
        if not is_safe(name):
            stored.left_out.append(repr(name))
            continue
        try:
            file, state = _stored(name, path, objects)
        except FileNotFoundError:  # deleted or replaced by another job meanwhile; the next backup holds what is there
            continue
        earlier = before.get(name)
        if earlier and earlier.flipped_into(state) and (sound := whole.find(name, earlier.sha256)):
            file, state = sound, earlier
            stored.damaged.append(name)
        stored.files.append(file)
        stored.states[name] = state
    return stored


class _WholeFiles:
    """The files of the newest backup in a repository, read when the first of them is asked for."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    @cached_property
    def _files(self) -> dict[str, StoredFile]:
        return newest_files(self._repository)

    def find(self, name: str, sha256: str) -> StoredFile | None:
        """The file of this name and content, if it can be read back whole."""
        file = self._files.get(name)
        if file is None or file.sha256 != sha256 or not all(map(self._repository.holds, file.objects)):
            return None
        return file


def _stored(name: str, path: Path, objects: ObjectWriter) -> tuple[StoredFile, FileState]:
    digest, size, parts = hashlib.sha256(), 0, list[str]()
    with path.open("rb") as file:
        stat = os.fstat(file.fileno())
        while (data := file.read(PART_BYTES)) or not parts:
            digest.update(data)
            size += len(data)
            parts.append(objects.add(data))
    sha256 = digest.hexdigest()
    return StoredFile(name, sha256, size, tuple(parts) if len(parts) > 1 else ()), FileState.of(stat, sha256)
