"""Files and folders published whole: temp beside the target, write, fsync, rename, fsync the folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from uuid import uuid4

# Unfinished work carries this prefix, so that a later start can tell it from anything published.
TEMP_PREFIX = ".unfinished-"


def _temp(path: Path) -> Path:
    """An unused name in the folder of `path`; unlike with `tempfile`, files made there have the modes of the umask."""
    return path.with_name(f"{TEMP_PREFIX}{uuid4().hex}{path.suffix}")


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def publishing(path: Path, mode: int = 0o666) -> Iterator[Path]:
    """Yield a temp file's path in the folder of `path`; on success it becomes `path`, on error it is gone.

    The file gets `mode`, less what the umask forbids.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = _temp(path)
    temp.touch(mode, exist_ok=False)
    try:
        yield temp
        _fsync(temp)
        temp.replace(path)
        _fsync(path.parent)
    finally:
        temp.unlink(missing_ok=True)


def publish_bytes(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Write `data` to `path` so that a reader sees the old file or the new one, never a part."""
    with publishing(path, mode) as temp:
        temp.write_bytes(data)


def publish_if_absent(path: Path, data: bytes, mode: int = 0o666) -> bool:
    """Write `data` to `path` unless something is there already; whether it was written. Of several writers one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = _temp(path)
    temp.touch(mode, exist_ok=False)
    try:
        temp.write_bytes(data)
        _fsync(temp)
        try:
            os.link(temp, path)  # unlike a rename, it never replaces
        except FileExistsError:
            return False
        _fsync(path.parent)
    finally:
        temp.unlink(missing_ok=True)
    return True


@contextmanager
def publishing_folder(path: Path) -> Iterator[Path]:
    """Yield an empty temp folder beside `path`; on success it becomes `path`, which must not exist yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = _temp(path)
    temp.mkdir()
    try:
        yield temp
        for entry in sorted(temp.rglob("*"), reverse=True):
            _fsync(entry)
        _fsync(temp)
        temp.rename(path)
        _fsync(path.parent)
    finally:
        shutil.rmtree(temp, ignore_errors=True)


def remove_unfinished(root: Path, before: datetime) -> list[Path]:
    """Delete what a killed process left half-written below `root` before `before`; return what was deleted.

    Other hidden folders are not entered: what is in them is not ours.
    """
    limit = before.timestamp()
    unfinished = []
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            entry = Path(folder, name)
            if name.startswith(TEMP_PREFIX) and _older(entry, limit):
                unfinished.append(entry)
        folders[:] = [name for name in folders if not name.startswith(".")]
    for entry in unfinished:
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            with suppress(OSError):  # as with folders: what cannot be deleted does no harm
                entry.unlink()
    return unfinished


def _older(entry: Path, limit: float) -> bool:
    try:
        return entry.stat().st_mtime < limit
    except FileNotFoundError:  # its maker has just finished it
        return False
