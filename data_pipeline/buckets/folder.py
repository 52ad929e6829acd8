"""A folder of this machine as a bucket."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from config.errors import NightdeskError
from config.publish import TEMP_PREFIX, publish_bytes, publish_if_absent
from data_pipeline.buckets.base import MAX_BYTES, Object, check_key, check_prefix, too_large

_NOT_THERE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class FolderBucket:
    """Every regular file below `root`, under its relative path. Links are not followed: they may lead elsewhere.

    Unlike S3, a folder cannot hold an object `a` and an object `a/b`.

    Args:
        root: the folder.
        private: whether what is written can be read by its owner alone.
    """

    def __init__(self, root: Path, *, private: bool = False) -> None:
        self.root = root
        self._private = private

    def list(self, prefix: str = "") -> Iterator[Object]:
        """Every file whose key begins with `prefix`; files that are still being written are not listed."""
        check_prefix(prefix)
        if not self.root.is_dir():
            raise NightdeskError(
                "r2.unreachable", f"The bucket {self.root.name!r} is not a folder.", "Create it, or mend its URL."
            )
        keys = (path.relative_to(self.root).as_posix() for path in self._files(*prefix.rpartition("/")[::2]))
        for key in sorted((key for key in keys if key.startswith(prefix)), key=os.fsencode):
            with suppress(FileNotFoundError):  # deleted since
                stat = (self.root / key).lstat()
                yield Object(key, stat.st_size, f"{stat.st_size}-{stat.st_mtime_ns}")

    def _files(self, below: str, beginning: str) -> Iterator[Path]:
        """The files below a folder of which they, or the folders in it that they lie in, have names that begin so."""
        if (self.root / below).resolve() != self.root.resolve() / below:  # a link
            return
        for folder, folders, names in os.walk(top := self.root / below):
            if Path(folder) == top:
                folders[:] = [name for name in folders if name.startswith(beginning)]
            for name in names:
                path = Path(folder, name)
                if not name.startswith(TEMP_PREFIX) and path.is_file() and not path.is_symlink():
                    yield path

    def read(self, key: str, limit: int = MAX_BYTES) -> bytes:
        """The content of the file."""
        with self._file(key, "read") as path:
            try:
                with path.open("rb") as file:
                    data = file.read(limit + 1)
            except _NOT_THERE as error:
                raise NightdeskError("r2.gone", f"{key} is no longer in the bucket.", "Pull again.") from error
        if len(data) > limit:
            raise too_large(key, limit)
        return data

    def put(self, key: str, data: bytes, *, if_absent: bool = True) -> bool:
        """Write the file under a temporary name, then link or rename it to its own."""
        if len(data) > MAX_BYTES:
            raise too_large(key, MAX_BYTES)
        mode = 0o600 if self._private else 0o666
        with self._file(key, "written") as path:
            if self._private:
                self._make_private_folders(path)
            if if_absent:
                return publish_if_absent(path, data, mode)
            publish_bytes(path, data, mode)
            return True

    def _make_private_folders(self, path: Path) -> None:
        for folder in reversed(path.relative_to(self.root).parents[:-1]):
            (self.root / folder).mkdir(0o700, exist_ok=True)

    def delete(self, key: str) -> None:
        """Remove the file; the folders above it stay."""
        with self._file(key, "deleted") as path, suppress(*_NOT_THERE):
            path.unlink()

    @contextmanager
    def _file(self, key: str, done: str) -> Iterator[Path]:
        """The path of a key, on which no link stands; what the disk refuses meanwhile is an error with a cure."""
        path = self.root / check_key(key)
        try:
            if path.resolve() != self.root.resolve() / key:
                raise NightdeskError(
                    "r2.unsafe_key",
                    f"{key} leads through a symbolic link.",
                    "Put the file itself into the bucket; links are not followed.",
                )
            yield path
        except OSError as error:
            raise NightdeskError(
                "r2.denied", f"{key} cannot be {done}: {error.strerror}.", "Mend its permissions, or free space."
            ) from error
