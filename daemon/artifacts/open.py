"""The store of model versions that a home uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.artifacts.folder import FolderArtifacts

if TYPE_CHECKING:
    from config.paths import Home
    from daemon.artifacts.base import ArtifactStore


def open_artifacts(home: Home) -> ArtifactStore:
    """The folder of the home; a bucket will join here, with a cache in the home of each worker."""
    return FolderArtifacts(home)
