"""Files of the owner's folders, opened with care: their errors are read by people who may not read the files.

A link that leads out of its folder could show what only this desk may read; a pipe or a device may never end. Both are
refused by name, and nothing of them is read.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from config.errors import NightdeskError

_NAMES = 20  # columns that an error lists
_NAME = re.compile(r"\w[\w ./%()-]{0,39}")


def open_owned(path: Path, *, root: Path) -> BinaryIO:
    """Open the file at `path` below the folder `root` to read it; links that stay below `root` are followed.

    Raises:
        NightdeskError: `data.link` for a link that leads out, `data.not_a_file` for what is no regular file.
        OSError: where there is nothing to open.
    """
    target, folder = os.path.realpath(path), os.path.realpath(root)
    if os.path.commonpath((target, folder)) != folder:
        raise NightdeskError(
            "data.link",
            f"{path.name} is a link to a file outside the folder {root.name!r}.",
            "Put the file itself there, or name the folder in which it lies in the config.",
        )
    # Neither a link that was put there meanwhile is followed, nor a pipe waited for.
    handle = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise NightdeskError(
            "data.not_a_file", f"{path.name} is not a regular file.", "Put a file there, no folder, pipe or device."
        )
    return os.fdopen(handle, "rb")


def column_names(columns: Iterable[object]) -> str:
    """The names of columns for an error; what is no name may be content, and is counted only."""
    names = [str(column).strip() for column in columns]
    shown = [name for name in names[:_NAMES] if _NAME.fullmatch(name)]
    others = len(names) - len(shown)
    return ", ".join([*shown, *([f"{others} without a name"] if others else [])]) or "none"
