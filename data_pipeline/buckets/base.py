"""What every bucket can do, and which keys it takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from config.errors import NightdeskError

MAX_BYTES = 256 * 2**20  # of one object
_PART = re.compile(r"[A-Za-z0-9_^][A-Za-z0-9._=+@^-]{0,199}")
_PARTS = 8  # folders deep


@dataclass(frozen=True)
class Object:
    """One object of a listing. Another content has another `etag`; an etag is no hash that could be computed here."""

    key: str
    size: int
    etag: str


class Bucket(Protocol):
    """Objects under keys. What goes wrong is a `NightdeskError` with a code `r2.*`.

    `read`, `put` and `delete` refuse keys that `check_key` refuses; `list` may name such keys, since others than this
    program write into buckets too.
    """

    def list(self, prefix: str = "") -> Iterator[Object]:
        """Every object whose key begins with `prefix`, ordered by the UTF-8 bytes of the keys."""

    def read(self, key: str, limit: int = MAX_BYTES) -> bytes:
        """The content of one object.

        Raises:
            NightdeskError: `r2.gone` where there is none, `r2.too_large` where it has more than `limit` bytes,
                `r2.torn` where it broke off, `r2.denied` or `r2.unreachable`.
        """

    def put(self, key: str, data: bytes, *, if_absent: bool = True) -> bool:
        """Write one object, whole or not at all; whether it was written.

        With `if_absent` an object that exists stays as it is and the answer is False. Of several that put the same key
        at once, one gets True. After a lost connection the answer can be False though this very call wrote the object.
        """

    def delete(self, key: str) -> None:
        """Remove one object; nothing happens where there is none."""


def check_key(key: str) -> str:
    """`key`, unless it could lead outside a folder or cannot be the name of a file everywhere."""
    parts = key.split("/")
    if len(parts) > _PARTS or any(not _PART.fullmatch(part) or ".." in part for part in parts):
        raise NightdeskError(
            "r2.unsafe_key",
            f"The key {key[:200]!r} cannot be used as a file name.",
            "Rename it in the bucket: letters, digits and . _ = + @ ^ - only, no dots in a row, no leading slash.",
        )
    return key


def check_prefix(prefix: str) -> str:
    """`prefix`, if keys could begin with it."""
    if prefix:
        check_key(prefix.removesuffix("/"))
    return prefix


def too_large(name: str, limit: int) -> NightdeskError:
    """The error for an object of more than `limit` bytes."""
    return NightdeskError("r2.too_large", f"{name[:200]!r} is larger than {limit} bytes.", "Split it.")
