"""A part of a bucket as a bucket of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from data_pipeline.buckets.base import MAX_BYTES, Object, check_key

if TYPE_CHECKING:
    from data_pipeline.buckets.base import Bucket


class PrefixedBucket:
    """The objects of `bucket` whose keys begin with `prefix` and a slash, under the rest of their keys."""

    def __init__(self, bucket: Bucket, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = f"{check_key(prefix)}/"

    def list(self, prefix: str = "") -> Iterator[Object]:
        """Every object whose key begins with `prefix`."""
        for entry in self._bucket.list(self._prefix + prefix):
            yield replace(entry, key=entry.key.removeprefix(self._prefix))

    def read(self, key: str, limit: int = MAX_BYTES) -> bytes:
        """The content of one object."""
        return self._bucket.read(self._prefix + key, limit)

    def put(self, key: str, data: bytes, *, if_absent: bool = True) -> bool:
        """Write one object, whole or not at all; whether it was written."""
        return self._bucket.put(self._prefix + key, data, if_absent=if_absent)

    def delete(self, key: str) -> None:
        """Remove one object; nothing happens where there is none."""
        self._bucket.delete(self._prefix + key)
