"""Copying a backup from one repository to another: only the objects that are not there yet, the manifest last."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from config.errors import NightdeskError
from daemon.backups.faults import damaged
from daemon.backups.manifest import Backup, BackupManifest
from daemon.backups.owner import claim, desk_of

if TYPE_CHECKING:
    from daemon.backups.repository import Repository

T = TypeVar("T")
# Objects that are on their way at once: enough to hide how long a bucket takes to answer.
AT_ONCE = 8


# Each object is read back once in so many nights; in more, where a night's share would be larger than this.
NIGHTS = 7
NIGHTLY_BYTES = 64 * 2**20
EVERYTHING = -1


@dataclass(frozen=True)
class Copied:
    """A backup that was copied: how many objects were new or damaged at its place, and their bytes.

    `checked` of those that lay there were read back; the files of which some were damaged are `mended`.
    """

    backup: Backup
    objects: int
    bytes: int
    checked: int = 0
    mended: tuple[str, ...] = ()


def named_objects(repository: Repository, name: str, manifest: BackupManifest) -> set[str]:
    """Every object that a backup consists of."""
    files = repository.files(name, manifest)
    tables = {sha256 for blocks in manifest.tables.values() for sha256 in blocks}
    return tables | set(manifest.lists.values()) | {sha256 for file in files for sha256 in file.objects}


def copy(source: Repository, name: str, target: Repository, *, night: int = EVERYTHING) -> Copied:
    """Copy a backup. One that was cut off is continued: what is there in its full size is not sent again.

    A share of what is there is read, and sent again where it is not what was written.

    Args:
        source: where the backup lies.
        name: the backup.
        target: where it is copied to; `backup.foreign` where that place belongs to another desk.
        night: number of the night, which has its share of the objects; by default everything is read.
    """
    manifest = source.manifest(name)
    if (desk := desk_of(source, name, manifest)) is not None:
        claim(target, desk)
    sizes, present = source.objects(), target.objects()
    objects = named_objects(source, name, manifest)
    target.take_indexes(source)
    missing = [sha256 for sha256 in sorted(objects) if sizes.get(sha256) != present.get(sha256)]
    checked = share({sha256: sizes[sha256] for sha256 in objects.difference(missing)}, night)
    damaged_there = [sha256 for sha256, whole in zip(checked, each(target.holds, checked), strict=True) if not whole]
    new = missing + damaged_there
    sent = sum(each(lambda sha256: _send(source, sha256, name, target, present), new))
    if lost := objects - target.objects().keys():
        raise damaged(name, f"the object {min(lost)[:12]} has gone from {target.label} while it was being copied")
    target.publish(name, manifest)
    mended = _names(source, name, manifest, damaged_there)
    return Copied(Backup(name, manifest), len(new), sent, len(checked), mended)


def share(sizes: Mapping[str, int], night: int) -> list[str]:
    """The objects, of these with their sizes, that are read back in one night."""
    if night == EVERYTHING:
        return sorted(sizes)
    nights = max(NIGHTS, -(-sum(sizes.values()) // NIGHTLY_BYTES))
    return [sha256 for sha256 in sorted(sizes) if int(sha256[:8], 16) % nights == night % nights]


def _names(source: Repository, name: str, manifest: BackupManifest, objects: Collection[str]) -> tuple[str, ...]:
    """What a reader calls the content of these objects."""
    if not objects:
        return ()
    files = {file.name for file in source.files(name, manifest) if not set(objects).isdisjoint(file.objects)}
    tables = {f"the table {table}" for table, blocks in manifest.tables.items() if not set(objects).isdisjoint(blocks)}
    lists = {f"the list of {folder}" for folder, sha256 in manifest.lists.items() if sha256 in objects}
    return tuple(sorted(files | tables | lists))


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
