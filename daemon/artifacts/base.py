"""What every store of model versions promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from config.errors import NightdeskError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, order=True)
class ArtifactName:
    """Which model version: what it speaks of, its model type, its version."""

    subject: str
    model_type: str
    version: str

    def __str__(self) -> str:
        return f"{self.subject}/{self.model_type}/{self.version}"


class ArtifactStore(Protocol):
    """Model versions by name, each a folder with a manifest (`trainers.manifest`), immutable once it is published."""

    def publish(self, folder: Path, name: ArtifactName) -> str:
        """Store the finished artefact in `folder` as `name`, whole or not at all; the sha256 of its manifest.

        The folder may be moved away. Publishing the same content twice changes nothing.

        Raises:
            NightdeskError: `model.exists` where `name` has another content; `model.corrupt`, `model.missing` or
                `model.unsafe` where the folder is not what its manifest says.
        """

    def fetch(self, name: ArtifactName, sha256: str | None = None) -> Path:
        """A local folder with the files of the version, to be read and not changed.

        `load_artifact` checks the files; here the manifest is checked, against its `sha256` where that is given.

        Raises:
            NightdeskError: `model.missing`, or `model.corrupt` where the manifest is another one.
        """

    def exists(self, name: ArtifactName) -> bool:
        """Whether the version is stored."""

    def list(self) -> Iterator[ArtifactName]:
        """Every version that is stored, in order; not what is half-written, set aside or in a backup."""

    def delete(self, name: ArtifactName) -> bool:
        """Remove the version; whether it was there. A reader never sees a part of it."""

    def set_aside(self, name: ArtifactName) -> None:
        """Take a version that cannot be trusted out of the store, but keep its files for a person to look at."""


def missing(name: ArtifactName) -> NightdeskError:
    """The error for a version that is not stored."""
    return NightdeskError(
        "model.missing", f"The model {name} is not stored.", "Restore it from a backup, or train a new version."
    )


def exists_already(name: ArtifactName) -> NightdeskError:
    """The error for a version that is stored with another content."""
    return NightdeskError(
        "model.exists",
        f"The model {name} exists already, with another content.",
        "A version is never written twice; choose another name for this one.",
    )


def other_content(name: ArtifactName) -> NightdeskError:
    """The error for a version whose manifest is not the one that was recorded."""
    return NightdeskError(
        "model.corrupt",
        f"The model {name} cannot be used: its manifest is not the one that was published.",
        "It is never served like this. Restore it from a backup, or train a new version.",
    )
