"""A check that a folder can be written, before a long training depends on it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryFile

from config.errors import NightdeskError


def require_writable(folder: Path) -> None:
    """Make the folder if it is not there, and raise unless a file can be written in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise NightdeskError(
            "training.unwritable",
            f"{folder} cannot be written: {error.strerror}.",
            "Name a folder that may be written, or give this user the right to it.",
        ) from error
