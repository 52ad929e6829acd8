"""Which logs of a bucket were pulled, in which version and with which content: to pull no more than what is new, and to
tell later what a table was made of.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from config.publish import publish_bytes, publishing

if TYPE_CHECKING:
    from config.paths import Home


@dataclass(frozen=True)
class Log:
    """A log that is stored here: which version of it the bucket had, and the sha256 of its content."""

    version: str
    sha256: str


def record_logs(logs: Mapping[str, Log], home: Home) -> str:
    """Write down which logs these are; returns their name, the sha256 of their keys and contents."""
    keys = sorted(logs)
    digest = hashlib.sha256()
    for key in keys:
        digest.update(f"{key} {logs[key].sha256}\n".encode())
    with publishing(home.log_list(digest.hexdigest())) as temp, temp.open("w", encoding="ascii") as file:
        file.writelines(json.dumps({"key": key, **asdict(logs[key])}) + "\n" for key in keys)
    return digest.hexdigest()


@dataclass(frozen=True)
class Known:
    """What is wrong with a file, if anything, and the sha256 of what was sent."""

    code: str
    sha256: str = ""


class LogIndex:
    """Which version of each file was pulled, and what was wrong with it, if anything."""

    def __init__(self, home: Home) -> None:
        self._path = home.trades_index
        self._known: dict[str, Any] = self._read()

    def _read(self) -> dict[str, Any]:
        """An index that is missing or damaged costs one full pull, and nothing else."""
        try:
            known = json.loads(self._path.read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def knows(self, path: str, version: str) -> Known | None:
        """What was found in this very version; None if it was never pulled."""
        match self._known.get(path):
            case [str(pulled), str(code), str(sha256)] if pulled == version:
                return Known(code, sha256)
        return None

    def add(self, path: str, version: str, known: Known) -> None:
        """Remember it."""
        self._known[path] = [version, known.code, known.sha256]

    def save(self) -> None:
        """Keep it for the next pull."""
        publish_bytes(self._path, json.dumps(self._known, separators=(",", ":")).encode())
