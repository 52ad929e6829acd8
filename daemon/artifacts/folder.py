"""The home's own `models` folder as a store: workers of this machine read it in place, nothing is copied."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from config.errors import NightdeskError
from config.names import subject_folder
from config.publish import TEMP_PREFIX, publishing_folder
from daemon.artifacts.base import ArtifactName, exists_already, missing, other_content
from trainers.manifest import manifest_sha256, read_manifest, verify_files

if TYPE_CHECKING:
    from config.paths import Home


class FolderArtifacts:
    """Versions as `models/<subject>/<model_type>/<version>/` below a home."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def publish(self, folder: Path, name: ArtifactName) -> str:
        """Rename the folder to its place, or copy it where it is on another file system."""
        verify_files(folder, read_manifest(folder))
        sha256 = manifest_sha256(folder)
        place = self._place(name)
        if not place.exists():
            try:
                with publishing_folder(place) as temp:
                    _move(folder, temp)
            except OSError:
                if not place.exists():  # or else another was faster
                    raise
        if _manifest(place) != sha256:
            raise exists_already(name)
        return sha256

    def fetch(self, name: ArtifactName, sha256: str | None = None) -> Path:
        """The folder itself."""
        place = self._place(name)
        if not place.exists():
            raise missing(name)
        if sha256 is not None and manifest_sha256(place) != sha256:
            raise other_content(name)
        return place

    def exists(self, name: ArtifactName) -> bool:
        """Whether there is a folder of this name."""
        return self._place(name).exists()

    def list(self) -> Iterator[ArtifactName]:
        """Every folder that is not hidden, in quarantine or in a backup."""
        return iter(sorted(ArtifactName(*name) for name in self._home.versions))

    def delete(self, name: ArtifactName) -> bool:
        """Remove the folder, under a hidden name first: half a version must never look like one."""
        place = self._place(name)
        hidden = place.with_name(f"{TEMP_PREFIX}{uuid4().hex}")
        try:
            place.rename(hidden)
        except FileNotFoundError:
            return False
        shutil.rmtree(hidden, ignore_errors=True)
        return True

    def set_aside(self, name: ArtifactName) -> None:
        """Rename the folder into `models/quarantine`."""
        target = self._home.models_quarantine / f"{subject_folder(name.subject)}-{name.model_type}-{name.version}"
        if target.exists():
            target = target.with_name(f"{target.name}-{uuid4().hex[:8]}")
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._place(name).rename(target)
        except FileNotFoundError as error:
            raise missing(name) from error

    def _place(self, name: ArtifactName) -> Path:
        return self._home.model(name.subject, name.model_type, name.version)


def _manifest(folder: Path) -> str | None:
    """The sha256 of a folder's manifest, if it has one."""
    try:
        return manifest_sha256(folder)
    except NightdeskError:
        return None


def _move(source: Path, target: Path) -> None:
    """Put the content of one folder into another, by renaming where they are on one file system."""
    for entry in sorted(source.iterdir()):
        shutil.move(os.fspath(entry), os.fspath(target / entry.name))
