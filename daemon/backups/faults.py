"""What can be wrong with a backup, and with the disk under it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.errors import NightdeskError


def damaged(folder: Path, why: str) -> NightdeskError:
    """The error for a backup that is not what was written."""
    return NightdeskError(
        "backup.damaged",
        f"The backup {folder.name} cannot be used: {why}.",
        "Use another backup, and check the disk.",
    )


@contextmanager
def refused_by_disk(code: str, name: str) -> Iterator[None]:
    """Raise an error of the file system as one with a cure."""
    try:
        yield
    except OSError as error:
        raise NightdeskError(
            code,
            f"{name} could not be written: {error.strerror or error}.",
            "Free space or mend the folder's permissions; nothing half-written stayed behind.",
        ) from error
