"""Taking a backup in the home: objects first, the manifest last."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from datetime import datetime
from importlib.metadata import version as installed
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import NightdeskError
from config.settings import Settings
from daemon.backups.contents import data_files, model_files, report_files, version_folder
from daemon.backups.faults import refused_by_disk
from daemon.backups.manifest import Backup, BackupManifest, StoredFile, by_folder, is_safe, list_bytes
from daemon.backups.repository import Repository, home_repository
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
        files = [_config(settings, objects), *_stored_files(home, sound, moment.reports, objects, left_out)]
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
    return Backup(name, manifest, tuple(left_out))


def _config(settings: Settings, objects: ObjectWriter) -> StoredFile:
    data = settings.model_dump_json(indent=2).encode()
    return StoredFile("training_config.json", objects.add(data), len(data))


def _stored_files(
    home: Home, versions: list[Version], reports: set[str], objects: ObjectWriter, left_out: list[str]
) -> Iterator[StoredFile]:
    """Every file of the home that belongs into the backup, stored; those that it cannot hold go to `left_out`."""
    for version in versions:
        for name, path in model_files(home, version):
            yield _stored(name, path, objects)
    for name, path in chain(data_files(home), report_files(home, reports)):
        if not is_safe(name):
            left_out.append(repr(name))
            continue
        try:
            yield _stored(name, path, objects)
        except FileNotFoundError:  # deleted or replaced by another job meanwhile; the next backup holds what is there
            continue


def _stored(name: str, path: Path, objects: ObjectWriter) -> StoredFile:
    digest, size, parts = hashlib.sha256(), 0, list[str]()
    with path.open("rb") as file:
        while (data := file.read(PART_BYTES)) or not parts:
            digest.update(data)
            size += len(data)
            parts.append(objects.add(data))
    return StoredFile(name, digest.hexdigest(), size, tuple(parts) if len(parts) > 1 else ())
