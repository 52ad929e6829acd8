"""Which traders' logs were pulled, in which version and with which content: so that a pull fetches only what is new,
and a table can name the logs it was made of.
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
    """A log that is stored in the home: its etag in the bucket, and the sha256 of its content."""

    version: str
    sha256: str


def record_logs(logs: Mapping[str, Log], home: Home) -> str:
    """Publish the list of these logs; returns its name, the sha256 of their keys and contents."""
    keys = sorted(logs)
    digest = hashlib.sha256()
    for key in keys:
        digest.update(f"{key} {logs[key].sha256}\n".encode())
    with publishing(home.log_list(digest.hexdigest())) as temp, temp.open("w", encoding="ascii") as file:
        file.writelines(json.dumps({"key": key, **asdict(logs[key])}) + "\n" for key in keys)
    return digest.hexdigest()


@dataclass(frozen=True)
class Fetched:
    """The result of fetching one file: the code of its fault, or none, and the sha256 of its content."""

    code: str
    sha256: str = ""


class LogIndex:
    """The result of the last fetch of each file, with the etag it had then."""

    def __init__(self, home: Home) -> None:
        self._path = home.trades_index
        self._results: dict[str, Any] = self._read()

    def _read(self) -> dict[str, Any]:
        """An index that is missing or damaged costs one full pull, and nothing else."""
        try:
            results = json.loads(self._path.read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return results if isinstance(results, dict) else {}

    def get(self, path: str, etag: str) -> Fetched | None:
        """The result for a file of this etag; None if it was never fetched."""
        match self._results.get(path):
            case [str(fetched), str(code), str(sha256)] if fetched == etag:
                return Fetched(code, sha256)
        return None

    @property
    def paths(self) -> list[str]:
        """The path of every file that was fetched, torn or not."""
        return sorted(self._results)

    def add(self, path: str, etag: str, result: Fetched) -> None:
        """Enter the result of a fetch; it is on disk after the next `save`."""
        self._results[path] = [etag, result.code, result.sha256]

    def save(self) -> None:
        """Publish the index for the next pull."""
        publish_bytes(self._path, json.dumps(self._results, separators=(",", ":")).encode())
