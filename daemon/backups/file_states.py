"""What files were at the last backup: one that nobody has written since, but that has another content, is damaged."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from config.publish import publish_bytes

if TYPE_CHECKING:
    from config.paths import Home


@dataclass(frozen=True)
class FileState:
    """A file as it was read: its inode, its size, when it was written last, and the sha256 of its content."""

    inode: int
    size: int
    written_ns: int
    sha256: str

    @classmethod
    def of(cls, stat: os.stat_result, sha256: str) -> FileState:
        """From what the file system says of an open file."""
        return cls(stat.st_ino, stat.st_size, stat.st_mtime_ns, sha256)

    def flipped_into(self, now: FileState) -> bool:
        """Whether the content has changed without a write: whoever writes leaves another time, size or inode."""
        return replace(now, sha256=self.sha256) == self != now


def read_states(home: Home) -> dict[str, FileState]:
    """The states at the last backup, by name; none where the file with them is gone or torn."""
    try:
        document = json.loads(home.file_states.read_bytes())
        return {str(name): FileState(*state) for name, state in document.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def unwritten(home: Home, names: Iterable[str]) -> list[Path]:
    """Of these files those that nobody has written since they were read for the last backup."""
    states, paths = read_states(home), list[Path]()
    for name in names:
        with suppress(OSError, KeyError):
            path, state = home.root / name, states[name]
            if FileState.of(path.stat(), state.sha256) == state:
                paths.append(path)
    return paths


def write_states(home: Home, states: Mapping[str, FileState]) -> None:
    """Remember these states; where the disk is full, the next backup does without them."""
    data = json.dumps({name: astuple(state) for name, state in states.items()}, separators=(",", ":"))
    with suppress(OSError):
        publish_bytes(home.file_states, data.encode(), 0o600)
