"""What files were at the last backup: one that nobody has written since, but that has another content, is damaged."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass
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
        unwritten = (self.inode, self.size, self.written_ns) == (now.inode, now.size, now.written_ns)
        return unwritten and self.sha256 != now.sha256


def read_states(home: Home) -> dict[str, FileState]:
    """The states at the last backup, by name; none where the file with them is gone or torn."""
    try:
        document = json.loads(home.file_states.read_bytes())
        return {str(name): FileState(*state) for name, state in document.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def write_states(home: Home, states: Mapping[str, FileState]) -> None:
    """Remember these states; where the disk is full, the next backup does without them."""
    data = json.dumps({name: astuple(state) for name, state in states.items()}, separators=(",", ":"))
    with suppress(OSError):
        publish_bytes(home.file_states, data.encode(), 0o600)
