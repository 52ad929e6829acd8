"""Copying a backup from one repository to another: only the objects that are not there yet, the manifest last."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from config.errors import NightdeskError
from daemon.backups.faults import damaged
from daemon.backups.manifest import Backup, BackupManifest

if TYPE_CHECKING:
    from daemon.backups.repository import Repository

T = TypeVar("T")
# Objects that are on their way at once: enough to hide how long a bucket takes to answer.
AT_ONCE = 8


@dataclass(frozen=True)
class Copied:
    """A backup that was copied: how many objects were new or damaged at its place, and their bytes."""

    backup: Backup
    objects: int
    bytes: int


def named_objects(repository: Repository, name: str, manifest: BackupManifest) -> set[str]:
    """Every object that a backup consists of."""
    files = repository.files(name, manifest)
    tables = {sha256 for blocks in manifest.tables.values() for sha256 in blocks}
    return tables | set(manifest.lists.values()) | {sha256 for file in files for sha256 in file.objects}


def copy(source: Repository, name: str, target: Repository, *, read_back: bool = False) -> Copied:
    """Copy a backup. One that was cut off is continued: what is there in its full size is not sent again.

    With `read_back` what is there is read, and sent again where it is not what was written.
    """
    manifest = source.manifest(name)
    sizes, present = source.objects(), target.objects()
    objects = named_objects(source, name, manifest)
    target.take_indexes(source)
    missing = [sha256 for sha256 in sorted(objects) if sizes.get(sha256) != present.get(sha256)]
    if read_back:
        same_size = sorted(objects.difference(missing))
        missing += [sha256 for sha256, sound in zip(same_size, each(target.holds, same_size), strict=True) if not sound]
    sent = sum(each(lambda sha256: _send(source, sha256, name, target, present), missing))
    if lost := objects - target.objects().keys():
        raise damaged(name, f"the object {min(lost)[:12]} has gone from {target.label} while it was being copied")
    target.publish(name, manifest)
    return Copied(Backup(name, manifest), len(missing), sent)


def _send(source: Repository, sha256: str, name: str, target: Repository, present: dict[str, int]) -> int:
    data = source.read(sha256, name)
    target.write(data, replace=sha256 in present)
    return len(data)


def each(work: Callable[[str], T], items: Iterable[str]) -> list[T]:
    """The results of some work on each item, several at once; the first error ends it."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        try:
            return list(threads.map(work, items))
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise


def verify(repository: Repository, name: str) -> Backup:
    """Read every object of a backup back; raise `backup.damaged`, naming what is, unless all are as written."""
    manifest = repository.manifest(name)
    by_object = {sha256: file.name for file in repository.files(name, manifest) for sha256 in file.objects}

    def check(sha256: str) -> int:
        try:
            return len(repository.read(sha256, name))
        except NightdeskError as error:
            if error.code != "backup.damaged" or sha256 not in by_object:
                raise
            raise damaged(name, f"{by_object[sha256]} is missing in it, or not what was written") from error

    each(check, sorted(named_objects(repository, name, manifest)))
    return Backup(name, manifest)
