"""Backups of the first format: folders with whole files and a manifest of their hashes; read, never written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from config.errors import NightdeskError
from config.section import Section
from daemon.backups.faults import damaged
from trainers.manifest import MANIFEST, FileEntry, sha256_file

# Relative names of plain folders, ending in one of the suffixes that hold no code.
_SAFE_FILE = re.compile(
    r"(?:[A-Za-z0-9^_][A-Za-z0-9.^=_-]{0,63}/){0,4}[a-z][a-z0-9_]{0,63}\.(?:safetensors|json|sqlite3)"
)


class FirstManifest(Section):
    """What such a backup holds; `champions` are the folders of the models that served."""

    format: Literal[1]
    taken_at: datetime
    code_version: str
    champions: list[str]
    files: dict[str, FileEntry]


def is_first_format(folder: Path) -> bool:
    """Whether the backup in `folder` is of the first format: its manifest says so."""
    try:
        FirstManifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError):
        return False
    return True


def verify_first(folder: Path) -> FirstManifest:
    """Read every file back; raise `backup.damaged`, naming the file, unless all are as written."""
    manifest = _read(folder)
    paths = dict(_walk(folder))
    paths.pop(MANIFEST, None)
    for name in sorted(paths.keys() - manifest.files.keys()):
        raise damaged(folder.name, f"{name} is not in its manifest")
    for name, entry in manifest.files.items():
        if name not in paths:
            raise damaged(folder.name, f"{name} is missing")
        try:
            same = (sha256_file(paths[name]), paths[name].stat().st_size) == (entry.sha256, entry.bytes)
        except OSError as error:
            raise damaged(folder.name, f"{name} cannot be read ({error.strerror})") from error
        if not same:
            raise damaged(folder.name, f"{name} is not what was written")
    return manifest


def is_sound(folder: Path) -> bool:
    """Whether such a backup can be read back whole at this moment."""
    try:
        verify_first(folder)
    except NightdeskError:
        return False
    return True


def champions(folder: Path) -> dict[str, str]:
    """The folders of the models that served, each with the sha256 of its manifest."""
    manifest = _read(folder)
    return {name: manifest.files[f"{name}/{MANIFEST}"].sha256 for name in manifest.champions}


def snapshot(folder: Path) -> Path:
    """The copy of the database in such a backup."""
    return folder / "nightdesk.sqlite3"


def holds_rows(folder: Path) -> bool:
    """Whether its database knows a run or a model."""
    return bool(
        _asked(folder, "SELECT EXISTS (SELECT 1 FROM runs) OR EXISTS (SELECT 1 FROM model_versions)", (False,))[0]
    )


def ledger_name(folder: Path) -> str | None:
    """What tells its database from one that was begun anew."""
    from daemon.store.backups import named_by_first_run  # noqa: PLC0415 -- brings SQLAlchemy, and few homes have one

    first = _asked(folder, "SELECT id, job, recorded_at FROM runs ORDER BY id LIMIT 1", None)
    if first is None:
        return None
    return named_by_first_run(first[0], first[1], datetime.fromisoformat(first[2]).replace(tzinfo=UTC))


def _asked(folder: Path, query: str, otherwise: Any) -> Any:
    """The first row of a query to the database of such a backup; `otherwise` where it has none."""
    from daemon.store.engines import row_of_snapshot  # noqa: PLC0415 -- brings SQLAlchemy, and few homes have one
    from daemon.store.faults import StoreError  # noqa: PLC0415

    path = snapshot(folder)
    if not path.exists():
        return otherwise
    try:
        return row_of_snapshot(path, query)
    except StoreError:
        return otherwise


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file below `folder` by its relative name; links, devices and names that could do harm are refused."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() and not path.is_symlink():
            continue
        if path.is_symlink() or not path.is_file() or not _SAFE_FILE.fullmatch(name):
            raise damaged(folder.name, f"{name!r} is no file that a backup holds")
        yield name, path


def _read(folder: Path) -> FirstManifest:
    try:
        return FirstManifest.model_validate_json((folder / MANIFEST).read_bytes())
    except OSError as error:
        raise damaged(folder.name, f"its {MANIFEST} cannot be read ({error.strerror})") from error
    except ValidationError as error:
        raise damaged(folder.name, f"its {MANIFEST} is not one this version can read") from error
