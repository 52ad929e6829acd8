"""A folder as a bucket under test, with the same handles as `tests.support.servers.s3.S3Server`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from data_pipeline.buckets.folder import FolderBucket
from data_pipeline.buckets.prefixed import PrefixedBucket


@dataclass
class FolderPlace:
    """A folder, filled by hand."""

    root: Path
    requests: list[str] = field(default_factory=list)

    def put(self, key: str, data: bytes) -> None:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def put_many(self, files: dict[str, bytes]) -> None:
        for key, data in files.items():
            self.put(key, data)

    def remove(self, key: str) -> None:
        (self.root / key).unlink()

    def bucket(self) -> FolderBucket:
        return FolderBucket(self.root)


class PrefixedPlace(FolderPlace):
    """A folder in a folder, as a bucket with a prefix."""

    def bucket(self) -> PrefixedBucket:
        return PrefixedBucket(FolderBucket(self.root.parent), self.root.name)
