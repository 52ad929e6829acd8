"""Bringing a desk back from a backup onto an empty home, or only its database where that was lost.

A restore writes `restore.json` first and deletes it last; while it is there, the home is no desk. A restore that was
cut off is continued by the same command: what is there as it should be is not fetched again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import NightdeskError
from config.publish import publish_bytes, publishing, remove_unfinished
from daemon.backups import first_format
from daemon.backups.copying import each
from daemon.backups.faults import refused_by_disk, unknown
from daemon.backups.manifest import BackupManifest, StoredFile
from daemon.backups.repository import Repository
from daemon.store.blocks import rows_of
from daemon.store.dump import build_sqlite, fill_postgresql

if TYPE_CHECKING:
    from collections.abc import Callable

    from config.paths import Home


@dataclass(frozen=True)
class Restored:
    """What a restore brought back.

    Args:
        backup: the name of the backup.
        files: the files that are there as they were backed up, the database not counted.
        bytes: how large they are together.
        champions: the folders of the models that served, each with the sha256 of its manifest.
        differs: what could not be brought back as it was, each with the reason.
    """

    backup: str
    files: int
    bytes: int
    champions: dict[str, str]
    differs: dict[str, str]


def restore(
    repository: Repository, home: Home, name: str | None = None, *, postgresql: Callable[[], str | None] | None = None
) -> Restored:
    """Bring a backup, by default the newest, back onto an empty home.

    A file that is damaged in the backup is left out and named; without its database nothing is restored.

    Args:
        repository: where the backups lie.
        home: the empty home, or one in which a restore of this backup was cut off.
        name: the backup.
        postgresql: the URL of the database by the restored config, asked for when that is there; None is SQLite.

    Raises:
        NightdeskError: `restore.not_empty`, `backup.unknown`, `backup.damaged`, `restore.not_written`.
    """
    name = name or newest(repository)
    if folder := repository.first_format(name):
        return _restore_first_format(folder, home)
    manifest = repository.manifest(name)
    tables = _tables(repository, name, manifest)
    files = repository.files(name, manifest)
    begin(home, name)
    with refused_by_disk("restore.not_written", name):
        differs = _bring_back(repository, name, files, home)
        url = postgresql() if postgresql else None
        if url is None:
            _build(home, manifest.revision, tables)
        else:
            fill_postgresql(url, manifest.revision, tables)
        home.restoring.unlink()
    sound = [file for file in files if file.name not in differs]
    return Restored(name, len(sound), sum(file.bytes for file in sound), manifest.champions, differs)


def newest(repository: Repository) -> str:
    """The newest backup whose manifest can be read."""
    names = repository.names()
    for name in reversed(names):
        try:
            if repository.first_format(name) is None:
                repository.manifest(name)
        except NightdeskError as error:
            if error.code != "backup.damaged":
                raise
            continue
        return name
    raise unknown("that can be read", names, repository.label)


def _restore_first_format(folder: Path, home: Home) -> Restored:
    """Bring a backup of the first format back onto an empty home."""
    manifest = first_format.verify_first(folder)
    begin(home, folder.name)
    with refused_by_disk("restore.not_written", folder.name):
        for file in manifest.files:
            if file != home.database.name:
                with publishing(home.root / file) as temp:
                    shutil.copyfile(folder / file, temp)
        _copy_snapshot(folder, home)
        home.restoring.unlink()
    size = sum(entry.bytes for entry in manifest.files.values())
    return Restored(folder.name, len(manifest.files), size, first_format.champions(folder), {})


def restore_database(home: Home, repository: Repository, desk: str | None = None) -> str | None:
    """Bring only the database back, where it was lost or set aside, from the newest sound backup in `repository`.

    Returns that backup's name; None if there is none that holds a row. Backups of another desk than `desk` are left
    alone.
    """
    _refuse(_database_files(home), home)
    for name in reversed(repository.names()):
        try:
            if _restore_database_of(repository, name, home, desk):
                return name
        except NightdeskError as error:
            if error.code not in ("backup.damaged", "store.corrupt"):
                raise
    return None


def _restore_database_of(repository: Repository, name: str, home: Home, desk: str | None) -> bool:
    """Bring the database of this backup back; False if it holds no row, or is of another desk."""
    with refused_by_disk("restore.not_written", name):
        if folder := repository.first_format(name):
            first_format.verify_first(folder)
            return first_format.holds_rows(folder) and _copy_snapshot(folder, home)
        manifest = repository.manifest(name)
        tables = _tables(repository, name, manifest) if manifest.rows else {}
        desks = {row["id"] for row in rows_of(tables.get("desks", ()))}
        if not tables or (desk is not None and desks and desk not in desks):
            return False
        _build(home, manifest.revision, tables)
        return True


def worth_restoring(repository: Repository) -> bool:
    """Whether a backup with a row in its database lies there."""
    return any(_knows_rows(repository, name) for name in reversed(repository.names()))


def _knows_rows(repository: Repository, name: str) -> bool:
    if folder := repository.first_format(name):
        return first_format.holds_rows(folder)
    try:
        return repository.manifest(name).rows > 0
    except NightdeskError:
        return False


def refuse_half_restored(home: Home) -> None:
    """Raise where a restore was cut off: what is there is no desk yet."""
    if (name := _begun(home)) is not None:
        raise NightdeskError(
            "restore.unfinished",
            f"The restore of {name or 'a backup'} into this home was cut off, so it is no desk yet.",
            f"Repeat it: `nightdesk restore FROM{' --backup ' * bool(name)}{name}`; or empty the folder.",
        )


def begin(home: Home, name: str) -> None:
    """Note that `name` is being restored into this home, which must be empty, or hold a part of that backup."""
    begun = _begun(home)
    if begun is None:
        _refuse_used(home)
    elif begun not in (name, ""):
        raise NightdeskError(
            "restore.other",
            f"A restore of {begun} into this home was cut off; {name} is another backup.",
            f"Name it (`--backup {begun}`), or restore into an empty folder.",
        )
    remove_unfinished(home.root, datetime.max.replace(tzinfo=UTC))  # of the one that was cut off; the home is locked
    with refused_by_disk("restore.not_written", name):
        publish_bytes(home.restoring, json.dumps({"backup": name}).encode())


def _begun(home: Home) -> str | None:
    """The backup whose restore was cut off here; empty where its note is torn, so that any can follow."""
    try:
        return str(json.loads(home.restoring.read_bytes())["backup"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return ""


def _tables(repository: Repository, name: str, manifest: BackupManifest) -> dict[str, list[bytes]]:
    return {table: [repository.read(sha256, name) for sha256 in blocks] for table, blocks in manifest.tables.items()}


def _bring_back(repository: Repository, name: str, files: list[StoredFile], home: Home) -> dict[str, str]:
    """Fetch every file to its place in the home; returns those that cannot be, with the reason."""
    by_name, differs = {file.name: file for file in files}, dict[str, str]()

    def fetch(file_name: str) -> int:
        file, path = by_name[file_name], home.root / file_name
        if _is_as_backed_up(path, file):
            return 0
        try:
            publish_bytes(path, repository.content(name, file))
        except NightdeskError as error:
            if error.code != "backup.damaged":
                raise
            differs[file_name] = error.message
            return 0
        if not _is_as_backed_up(path, file):
            differs[file_name] = "It was not read back as it was written."
        return file.bytes

    each(fetch, by_name)
    return differs


def _is_as_backed_up(path: Path, file: StoredFile) -> bool:
    if not path.is_file() or path.stat().st_size != file.bytes:
        return False
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == file.sha256


def _build(home: Home, revision: str, tables: dict[str, list[bytes]]) -> None:
    """The database comes last, whole, under its own name; what SQLite left of another one goes first."""
    for path in _database_files(home):
        path.unlink()
    with publishing(home.database) as temp:
        build_sqlite(temp, revision, tables)


def _copy_snapshot(folder: Path, home: Home) -> bool:
    """Copy the database of a backup of the first format; False where it has none (the desk used PostgreSQL)."""
    source = first_format.snapshot(folder)
    if not source.exists():
        return False
    with publishing(home.database) as temp:
        shutil.copyfile(source, temp)
    return True


def _refuse_used(home: Home) -> None:
    models = [path for path in home.models.glob("*/") if not path.name.startswith(".")]
    configs = [home.config] if home.config.exists() else []
    data = [path for place in (home.data, home.results) for path in place.glob("[!.]*")]
    _refuse([*_database_files(home), *configs, *models, *data], home)


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
