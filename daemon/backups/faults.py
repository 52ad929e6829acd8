"""What can be wrong with a backup, and with the disk under it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from config.errors import NightdeskError

FIRST_FORMAT = "backup.first_format"


def damaged(name: str, why: str) -> NightdeskError:
    """The error for a backup that is not what was written."""
    return NightdeskError(
        "backup.damaged",
        f"The backup {name} cannot be used: {why}.",
        "Use another backup, and check the disk.",
    )


def first_format(name: str) -> NightdeskError:
    """The error for a backup that is no objects but a folder with whole files."""
    return NightdeskError(
        FIRST_FORMAT,
        f"The backup {name} is of the first format: a folder with whole files.",
        "Restore it from its folder: `nightdesk restore models/backup_...`.",
    )


def unknown(name: str, names: list[str], label: str) -> NightdeskError:
    """The error for a backup that is not there."""
    there = f"There are: {', '.join(names[-10:])}." if names else f"There is none in {label}; take one first."
    return NightdeskError("backup.unknown", f"There is no backup {name} in {label}.", there)


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
