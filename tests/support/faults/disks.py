"""A small disk of one's own, where the machine lets us mount one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A tmpfs at `folder`; the test is skipped where mounting is not permitted."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "nightdesk-test", folder], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"this machine lets nobody mount a small disk: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def make_read_only(disk: Path, read_only: bool) -> None:
    """What a failing disk becomes, and is again when it was mended."""
    subprocess.run(["mount", "-o", f"remount,{'ro' if read_only else 'rw'}", disk], check=True)


def fill(disk: Path, leave: int) -> Path:
    """Take all room of `disk` but `leave` bytes, in one file, though others may write to it."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        while (room := shutil.disk_usage(disk).free - leave) > 0:
            with suppress(OSError):  # another has just taken of it
                os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, room)
    return ballast
