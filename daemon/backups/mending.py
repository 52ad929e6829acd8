"""Damaged files of a home, found by their hash and fetched again from a backup."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import NightdeskError
from config.publish import publish_bytes, publishing_folder
from daemon.artifacts.base import ArtifactName
from daemon.artifacts.open import open_artifacts
from daemon.backups.contents import version_folder
from daemon.backups.places import open_place
from daemon.backups.repository import Repository, home_repository, newest_files, readable_backups
from trainers.manifest import MANIFEST, read_manifest, refuse_unlisted, sha256_file, verify_files, verify_listed

if TYPE_CHECKING:
    from config.paths import Home
    from config.settings import Settings
    from daemon.store.versions import Version

Sources = Iterable[Callable[[], Repository]]
UNLISTED = "model.unlisted"
_PARQUET = b"PAR1"  # how a whole parquet file begins and ends


@dataclass(frozen=True)
class DamagedModel:
    """A version whose files are not what its training published.

    Args:
        error: what is wrong with them.
        mended_from: the place they were fetched from again.
        left_alone: why nothing was changed: some place that may hold them did not answer, or they are whole, and only a
            file too many lies beside them, which is not the desk's to move.
    """

    version: Version
    error: NightdeskError
    mended_from: str | None
    left_alone: NightdeskError | None = None


def sources(home: Home, settings: Settings) -> Sources:
    """Where whole copies may be, the nearest first: the home's own backups, then each place of the config."""
    return [
        lambda: home_repository(home),
        *(lambda place=place: open_place(place, home) for place in settings.backup.to),
    ]


def mend_models(home: Home, versions: Iterable[Version], sources: Sources) -> list[DamagedModel]:
    """Check every file of these versions; those that are damaged or gone are fetched from a backup, by hash.

    What is damaged is set aside. One that no backup holds stays out of its place, but only when every place answered.
    """
    checked = ((version, _fault(home, version)) for version in versions)
    return [
        DamagedModel(version, error, None, error) if error.code == UNLISTED else _mend(home, version, error, sources)
        for version, error in checked
        if error
    ]


def _name(version: Version) -> ArtifactName:
    return ArtifactName(version.subject, version.model_type, version.version)


def _fault(home: Home, version: Version) -> NightdeskError | None:
    """What is wrong with the files of a version."""
    try:
        folder = open_artifacts(home).fetch(_name(version))
        manifest = read_manifest(folder)
        verify_listed(folder, manifest, version.manifest_sha256)
    except NightdeskError as error:
        return error
    try:
        refuse_unlisted(folder, manifest)
    except NightdeskError as error:
        return NightdeskError(
            UNLISTED,
            f"{error.message} Its own files are whole, so it serves; nobody reads what else lies there.",
            "Move what is not the model's out of its folder; the desk does not touch it.",
        )
    return None


def _mend(home: Home, version: Version, fault: NightdeskError, sources: Sources) -> DamagedModel:
    """Put the files of a version back, whole or not at all."""
    artifacts, name, silent = open_artifacts(home), _name(version), list[NightdeskError]()
    for repository in _reachable(sources, silent):
        try:
            with publishing_folder(home.model(version.subject, version.model_type, version.version)) as temp:
                _fetch(repository, version, temp)
                if artifacts.exists(name):
                    artifacts.set_aside(name)
        except NightdeskError as error:  # not in these backups, or damaged there too, unless the place fell silent
            silent += [error] if error.code.startswith("r2.") else []
            continue
        return DamagedModel(version, fault, repository.label)
    if not silent and artifacts.exists(name):
        artifacts.set_aside(name)
    return DamagedModel(version, fault, None, silent[0] if silent else None)


def _fetch(repository: Repository, version: Version, folder: Path) -> None:
    (folder / MANIFEST).write_bytes(_content(repository, version, MANIFEST, version.manifest_sha256))
    manifest = read_manifest(folder)
    for file, entry in manifest.files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(_content(repository, version, file, entry.sha256))
    verify_files(folder, manifest, version.manifest_sha256)


def _content(repository: Repository, version: Version, file: str, sha256: str) -> bytes:
    """A file of a version: an object, or the same file in a backup of the first format."""
    try:
        return repository.read(sha256)
    except NightdeskError:
        for name in reversed(repository.names()):
            if folder := repository.first_format(name):
                path = folder / version_folder(version) / file
                with suppress(OSError):
                    if sha256_file(path) == sha256:
                        return path.read_bytes()
        raise


def _reachable(sources: Sources, silent: list[NightdeskError]) -> Iterator[Repository]:
    """The places that answer; why another does not is added to `silent`."""
    for source in sources:
        try:
            repository = source()
            repository.names()
        except NightdeskError as error:
            silent.append(error)
            continue
        yield repository


def torn_files(home: Home) -> list[Path]:
    """Stored bars and headlines that are no whole parquet file: empty or cut off, as a power loss leaves them."""
    return [path for path in _tables(home) if not _is_whole(path)]


def changed_files(home: Home) -> list[Path]:
    """Stored bars and headlines that are not in the newest backup as they are now, so nobody has checked them yet."""
    backed_up = newest_files(home_repository(home))
    return [
        path
        for path in _tables(home)
        if (name := path.relative_to(home.root).as_posix()) not in backed_up
        or backed_up[name].sha256 != sha256_file(path)
    ]


def _tables(home: Home) -> list[Path]:
    return sorted(
        path
        for folder in (home.bars_root, home.headlines_root)
        for path in folder.rglob("[!.]*.parquet")
        if path.is_file() and not path.is_symlink()
    )


def _is_whole(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(len(_PARQUET))
        size = file.seek(0, 2)
        file.seek(max(size - len(_PARQUET), 0))
        return size > 2 * len(_PARQUET) and head == file.read() == _PARQUET


def mend_file(home: Home, path: Path, sources: Sources, now: datetime) -> str | None:
    """Set a damaged file of data aside and put the newest whole copy of it in its place.

    Returns the place that held it; None if there is none: then it is pulled anew.
    """
    name, damaged = path.relative_to(home.root).as_posix(), sha256_file(path)
    aside = home.damaged(path, now)
    aside.parent.mkdir(parents=True, exist_ok=True)
    path.rename(aside)
    for repository in _reachable(sources, []):  # the job that copies to the others says so
        for backup, files in readable_backups(repository):
            file = files.get(name)
            if file is None or file.sha256 == damaged:
                continue
            try:
                publish_bytes(path, repository.content(backup, file))
            except NightdeskError:  # this copy is damaged too; an older one may be whole
                continue
            return f"{backup} in {repository.label}"
    return None
