"""A bucket of traders' logs, and how it is pulled: only what is new, within bounds, under safe names, whole."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from config.errors import NightdeskError
from config.publish import publish_bytes
from config.secrets import read_secret
from data_pipeline.sources.log_index import Known, Log, LogIndex
from data_pipeline.trader_events import document

if TYPE_CHECKING:
    from config.paths import Home
    from config.secrets import Secret
    from config.settings import Bucket as BucketSettings

_LOG = re.compile(r".*_prices\.json(\.gz)?", re.DOTALL)
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._=+@-]{0,199}")
_PARTS = 8  # folders deep
_GZIP = b"\x1f\x8b"
_SAVE_EVERY = 256  # files; what was pulled since is pulled again after a kill
_PATIENCE = 3  # files in a row that cannot be fetched, and the bucket counts as out of reach
_OUT_OF_REACH = ("r2.unreachable", "r2.denied")


@dataclass(frozen=True)
class Item:
    """What a bucket says of one file. Equal versions have equal content; a version says nothing else."""

    key: str
    size: int
    version: str


class Bucket(Protocol):
    """A place of files under keys. Faults are `r2.*` errors."""

    def items(self) -> Iterator[Item]:
        """Every file there is."""

    def read(self, key: str, limit: int) -> bytes:
        """The content of one file, or its first `limit` bytes, where it is longer."""


@dataclass(frozen=True)
class Limits:
    """What one pull may take."""

    file: int = 64 * 1024 * 1024
    ratio: int = 100  # raw bytes for each compressed one
    total: int = 16 * 1024**3
    files: int = 1_000_000


@dataclass
class Pull:
    """What one pull did. `logs` are all that the bucket holds and that are stored here now, by key."""

    logs: dict[str, Log] = field(default_factory=dict)
    fetched: int = 0
    unchanged: int = 0
    bytes: int = 0
    failed: dict[str, str] = field(default_factory=dict)  # key -> code

    @property
    def partial(self) -> bool:
        """Whether something in the bucket is not here."""
        return bool(self.failed)


Progress = Callable[[float, str], None]


def open_bucket(settings: BucketSettings, home: Home) -> Bucket:
    """The bucket of these settings; without a URL, the folder of the home."""
    url = settings.url
    if url is None or url.startswith("file:"):
        folder = Path(unquote(urlsplit(url).path)) if url else home.bucket
        if home.trades.resolve().is_relative_to(folder.resolve()):
            raise _error(
                "r2.own_folder",
                f"The bucket {folder.name!r} holds what is pulled from it: every pull would take in the last.",
                "Name the folder of the logs alone.",
            )
        return FolderBucket(folder)
    from data_pipeline.sources.r2 import S3Bucket  # noqa: PLC0415 -- boto3 is heavy

    def secret(name: str) -> Secret:
        folder = settings.secrets_folder
        return read_secret(f"bucket's {name}", variable=name, file=Path(folder, name) if folder else None)

    endpoint = f"https://{secret('R2_ACCOUNT_ID').reveal()}.r2.cloudflarestorage.com" if url == "r2" else url
    return S3Bucket(
        endpoint,
        secret("R2_BUCKET_NAME").reveal(),
        key_id=secret("R2_ACCESS_KEY_ID"),
        key=secret("R2_SECRET_ACCESS_KEY"),
    )


class FolderBucket:
    """A folder of this machine as a bucket. Links are not followed: what they lead to is not in the folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def items(self) -> Iterator[Item]:
        """Every regular file below the folder."""
        if not self.root.is_dir():
            raise _error(
                "r2.unreachable", f"The bucket {self.root.name!r} is not a folder.", "Create it, or mend its URL."
            )
        for path in sorted(self.root.rglob("*")):
            if path.is_file() and not path.is_symlink():
                facts = path.stat()
                yield Item(
                    path.relative_to(self.root).as_posix(), facts.st_size, f"{facts.st_size}-{facts.st_mtime_ns}"
                )

    def read(self, key: str, limit: int) -> bytes:
        """The file's first bytes."""
        try:
            with (self.root / key).open("rb") as file:
                return file.read(limit)
        except FileNotFoundError as error:
            raise _error("r2.gone", f"{key} is no longer in the bucket.", "Pull again.") from error
        except OSError as error:
            raise _error("r2.denied", f"{key} cannot be read: {error.strerror}.", "Mend its permissions.") from error


def _error(code: str, message: str, cure: str) -> NightdeskError:
    return NightdeskError(code, message, cure)


def safe_key(key: str) -> str:
    """The path below our folder for a key of a bucket; a key that could lead elsewhere is refused."""
    parts = key.split("/")
    if len(parts) > _PARTS or any(not _PART.fullmatch(part) or ".." in part for part in parts):
        raise _error(
            "r2.unsafe_key",
            f"The key {key[:200]!r} cannot be used as a file name.",
            "Rename it in the bucket: letters, digits and . _ = + @ - only, no dots in a row, no leading slash.",
        )
    return key.removesuffix(".gz")


def pull(bucket: Bucket, home: Home, limits: Limits | None = None, progress: Progress | None = None) -> Pull:
    """Bring what is new or changed in the bucket to `home.trades`, each file whole, or not at all.

    A file that is torn goes to quarantine, one that cannot be fetched stays as it was here, and the pull goes on.
    """
    return _Pulling(bucket, home, limits or Limits()).run(progress or (lambda _done, _name: None))


class _Pulling:
    """One pull on its way."""

    def __init__(self, bucket: Bucket, home: Home, limits: Limits) -> None:
        self._bucket = bucket
        self._home = home
        self._limits = limits
        self._index = LogIndex(home)
        self._done = Pull()

    def run(self, progress: Progress) -> Pull:
        wanted = self._listed()
        in_vain = 0
        try:
            for nth, (path, item) in enumerate(wanted.items()):
                progress(nth / len(wanted), path)
                code = self._bring(path, item)
                in_vain = in_vain + 1 if code in _OUT_OF_REACH else 0
                if in_vain == _PATIENCE:
                    raise _error(code, f"{_PATIENCE} files in a row could not be fetched.", "Try again later.")
                if (nth + 1) % _SAVE_EVERY == 0:
                    self._index.save()
        finally:
            self._index.save()
        return self._done

    def _listed(self) -> dict[str, Item]:
        """The logs of the bucket by their path here; keys that are unsafe, or too like another, have failed."""
        found: dict[str, Item] = {}
        folded: set[str] = set()
        for item in self._bucket.items():
            if not _LOG.fullmatch(item.key):
                continue
            try:
                path = safe_key(item.key)
            except NightdeskError as error:
                self._done.failed[item.key] = error.code
                continue
            if path.casefold() in folded:  # on some disks they would be one file
                self._done.failed[item.key] = "r2.unsafe_key"
                continue
            folded.add(path.casefold())
            found[path] = item
            if len(found) > self._limits.files:
                raise _error(
                    "r2.too_many", f"The bucket holds more than {self._limits.files} logs.", "Split it in several."
                )
        return found

    def _bring(self, path: str, item: Item) -> str:
        """Fetch one file, if it is new; the code of what is wrong with it, or nothing."""
        known = self._index.knows(path, item.version)
        if known is None or (not known.code and not (self._home.trades / path).exists()):
            known = self._fetched(path, item)
        else:
            self._done.unchanged += 1
        if known.code:
            self._done.failed[item.key] = known.code
        else:
            self._done.logs[path] = Log(item.version, known.sha256)
        return known.code

    def _fetched(self, path: str, item: Item) -> Known:
        if item.size > self._limits.file:
            return Known("r2.too_large")
        if self._done.bytes + item.size > self._limits.total:
            return Known("r2.total_reached")
        try:
            sent = self._bucket.read(item.key, self._limits.file + 1)
            self._done.bytes += len(sent)
            data = _raw(sent, self._limits)
        except NightdeskError as error:
            return Known(error.code)
        self._done.fetched += 1
        known = Known(_fault(data), hashlib.sha256(data).hexdigest())
        publish_bytes((self._home.trades_quarantine if known.code else self._home.trades) / path, data)
        self._index.add(path, item.version, known)
        return known


def _fault(data: bytes) -> str:
    try:
        document(data)
    except NightdeskError as error:
        return error.code
    return ""


def _raw(sent: bytes, limits: Limits) -> bytes:
    """What was sent, unpacked where it is gzip, within the bounds."""
    bound = limits.file
    data = sent
    if sent.startswith(_GZIP):
        bound = min(limits.file, limits.ratio * len(sent))
        try:
            with gzip.open(BytesIO(sent)) as unpacking:
                data = unpacking.read(bound + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise _error("r2.torn", "A compressed file is damaged.", "Upload it again.") from error
    if len(data) > bound:
        raise _error("r2.too_large", f"A file is larger than {bound} bytes.", "Split it.")
    return data
