"""Which files of a home a backup holds, besides its database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from config.names import subject_folder
from daemon.artifacts.base import ArtifactName
from daemon.artifacts.open import open_artifacts
from trainers.manifest import MANIFEST, read_manifest, verify_listed

if TYPE_CHECKING:
    from config.paths import Home
    from daemon.store.versions import Version


def version_folder(version: Version) -> str:
    """The folder of a version in a home and in a backup of it."""
    return f"models/{subject_folder(version.subject)}/{version.model_type}/{version.version}"


def model_files(home: Home, version: Version) -> Iterator[tuple[str, Path]]:
    """The files of a version, which is whole, by their names in a backup."""
    name = ArtifactName(version.subject, version.model_type, version.version)
    folder = open_artifacts(home).fetch(name)
    manifest = read_manifest(folder)
    verify_listed(folder, manifest, version.manifest_sha256)
    for file in (MANIFEST, *manifest.files):
        yield f"{version_folder(version)}/{file}", folder / file


def data_files(home: Home) -> Iterator[tuple[str, Path]]:
    """The id of the desk, and the files of data that could not be had again, or only by long work."""
    for place in (home.desk_id, *home.data_to_back_up):
        yield from _plain_files(home, place)


def report_files(home: Home, reports: set[str]) -> Iterator[tuple[str, Path]]:
    """The files of these reports, which are named relative to the home."""
    for report in sorted(reports):
        place = home.root / report
        if place.resolve().is_relative_to(home.results.resolve()):
            yield from _plain_files(home, place)


def _plain_files(home: Home, place: Path) -> Iterator[tuple[str, Path]]:
    """A file, or the files below a folder; not links, devices, and what is hidden or half-written."""
    entries = [place] if place.is_file() else sorted(place.rglob("*"))
    for entry in entries:
        name = entry.relative_to(home.root).as_posix()
        hidden = any(part.startswith(".") for part in name.split("/"))
        if not hidden and not entry.is_symlink() and entry.is_file():
            yield name, entry
