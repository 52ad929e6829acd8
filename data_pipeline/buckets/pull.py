"""Pulling traders' logs out of a bucket: only what is new, within limits, under safe names, each file whole."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING

from config.errors import NightdeskError
from config.publish import publish_bytes
from data_pipeline.buckets.base import check_key, too_large
from data_pipeline.buckets.log_index import Fetched, Log, LogIndex
from data_pipeline.trader_logs.events import document

if TYPE_CHECKING:
    from config.paths import Home
    from data_pipeline.buckets.base import Bucket, Object

_LOG = re.compile(r".*_prices\.json(\.gz)?", re.DOTALL)
_GZIP = b"\x1f\x8b"
_SAVE_EVERY = 256  # files; what was pulled since is pulled again after a kill
_MAX_FAILURES = 3  # so many files in a row that cannot be fetched end the pull: the bucket is out of reach
_OUT_OF_REACH = ("r2.unreachable", "r2.denied")


@dataclass(frozen=True)
class Limits:
    """What one pull may take."""

    file: int = 64 * 1024 * 1024
    ratio: int = 100  # raw bytes for each compressed one
    total: int = 16 * 1024**3
    files: int = 1_000_000


@dataclass
class Pull:
    """The result of one pull. `logs` are all that the bucket holds and that are stored in the home now, by path."""

    logs: dict[str, Log] = field(default_factory=dict)
    fetched: int = 0
    unchanged: int = 0
    bytes: int = 0
    silent: int = 0  # fetched logs without a trade
    failed: dict[str, str] = field(default_factory=dict)  # key -> code

    @property
    def partial(self) -> bool:
        """Whether something in the bucket is not in the home."""
        return bool(self.failed)


Progress = Callable[[float, str], None]


def pull(bucket: Bucket, home: Home, limits: Limits | None = None, progress: Progress | None = None) -> Pull:
    """Bring what is new or changed in the bucket to `home.trades`, each file whole, or not at all.

    A file that is torn goes to quarantine, one that cannot be fetched stays as it was, and the pull goes on.
    """
    return _Pulling(bucket, home, limits or Limits()).run(progress or (lambda _fraction, _name: None))


def stored_path(key: str) -> str:
    """The path below `home.trades` for a key; one that could lead elsewhere is refused."""
    return check_key(key).removesuffix(".gz")


class _Pulling:
    """The state of one pull: its index, its limits, its result so far."""

    def __init__(self, bucket: Bucket, home: Home, limits: Limits) -> None:
        self._bucket = bucket
        self._home = home
        self._limits = limits
        self._index = LogIndex(home)
        self._result = Pull()

    def run(self, progress: Progress) -> Pull:
        logs = self._listed()
        failed_in_a_row = 0
        try:
            for nth, (path, log) in enumerate(logs.items()):
                progress(nth / len(logs), path)
                code = self._update(path, log)
                failed_in_a_row = failed_in_a_row + 1 if code in _OUT_OF_REACH else 0
                if failed_in_a_row == _MAX_FAILURES:
                    raise NightdeskError(
                        code, f"{_MAX_FAILURES} files in a row could not be fetched.", "Try again later."
                    )
                if (nth + 1) % _SAVE_EVERY == 0:
                    self._index.save()
        finally:
            self._index.save()
        return self._result

    def _listed(self) -> dict[str, Object]:
        """The logs of the bucket by path; keys that are unsafe, or differ from another in case alone, fail."""
        logs: dict[str, Object] = {}
        folded: set[str] = set()
        for log in self._bucket.list():
            if not _LOG.fullmatch(log.key):
                continue
            try:
                path = stored_path(log.key)
            except NightdeskError as error:
                self._result.failed[log.key] = error.code
                continue
            if path.casefold() in folded:  # on some disks they would be one file
                self._result.failed[log.key] = "r2.unsafe_key"
                continue
            folded.add(path.casefold())
            logs[path] = log
            if len(logs) > self._limits.files:
                raise NightdeskError(
                    "r2.too_many", f"The bucket holds more than {self._limits.files} logs.", "Split it in several."
                )
        return logs

    def _update(self, path: str, log: Object) -> str:
        """Fetch one file, if it is new; the code of its fault, or nothing."""
        result = self._index.get(path, log.etag)
        if result is None or (not result.code and not (self._home.trades / path).exists()):
            result = self._fetch(path, log)
        else:
            self._result.unchanged += 1
        if result.code:
            self._result.failed[log.key] = result.code
        else:
            self._result.logs[path] = Log(log.etag, result.sha256)
        return result.code

    def _fetch(self, path: str, log: Object) -> Fetched:
        if log.size > self._limits.file:
            return Fetched("r2.too_large")
        if self._result.bytes + log.size > self._limits.total:
            return Fetched("r2.total_reached")
        try:
            content = self._bucket.read(log.key, self._limits.file)
            self._result.bytes += len(content)
            data = _unpacked(content, self._limits)
        except NightdeskError as error:
            return Fetched(error.code)
        self._result.fetched += 1
        result = Fetched(self._fault(data), hashlib.sha256(data).hexdigest())
        publish_bytes((self._home.trades_quarantine if result.code else self._home.trades) / path, data)
        self._index.add(path, log.etag, result)
        return result

    def _fault(self, data: bytes) -> str:
        """The code of what is wrong with a log, or nothing."""
        try:
            events = document(data)["prices"]
        except NightdeskError as error:
            return error.code
        self._result.silent += not any(type(event) is dict and event.get("type") == "trade" for event in events)
        return ""


def _unpacked(content: bytes, limits: Limits) -> bytes:
    """The content, unpacked where it is gzip, within the limits."""
    limit = limits.file
    data = content
    if content.startswith(_GZIP):
        limit = min(limits.file, limits.ratio * len(content))
        try:
            with gzip.open(BytesIO(content)) as unpacking:
                data = unpacking.read(limit + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise NightdeskError("r2.torn", "A compressed file is damaged.", "Upload it again.") from error
    if len(data) > limit:
        raise too_large("A file", limit)
    return data
