"""Opening the places of backups: those of the config, and those that a person names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import ValidationError

from config.errors import NightdeskError
from config.paths import Home
from config.settings import BackupPlace
from config.settings.backup import place_of
from daemon.backups.manifest import NAME
from daemon.backups.repository import Repository
from data_pipeline.buckets import open as buckets

if TYPE_CHECKING:
    from config.secrets import Secret


def open_place(
    place: BackupPlace, home: Home, secrets: Mapping[str, Secret] | None = None, *, create: bool = False
) -> Repository:
    """The backups at a place outside the home; a folder must exist, unless it is to be created."""
    if place.folder is not None and place.folder.resolve().is_relative_to(home.root.resolve()):
        raise NightdeskError(
            "backup.own_home",
            f"The {place.label} lies in the home that is backed up, and would be lost with it.",
            "Name a folder on another disk, or a bucket.",
        )
    if place.folder is not None and not (place.folder.parent if create else place.folder).is_dir():
        raise NightdeskError(
            "backup.no_folder", f"The {place.label} of backups is not there.", "Mount its disk, or create the folder."
        )
    return Repository(buckets.open_place(place, secrets, create=create), place.label, place.folder)


def named_place(text: str) -> BackupPlace:
    """The place that a person names."""
    try:
        return BackupPlace.model_validate(place_of(text))
    except ValueError as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise NightdeskError(
            "backup.place",
            f"{_without_secrets(text)!r} is no place of backups: {why}.",
            "Name a folder, https://host/bucket/prefix, or r2://bucket/prefix.",
        ) from None  # the cause shows the text


def _without_secrets(text: str) -> str:
    return re.sub(r"(?<=[?#]).*", "...", re.sub(r"(?<=//).*@", "...@", text, flags=re.DOTALL), flags=re.DOTALL)


def open_from(text: str) -> tuple[Repository, str | None]:
    """Where to restore from: a place, a home that has backups, or the folder of one backup.

    Returns the backups, and the name of the one whose folder it is.
    """
    place, name = named_place(text), None
    if place.folder is not None:
        folder = place.folder.resolve()
        if NAME.fullmatch(folder.name):
            folder, name = folder.parent, folder.name
        if Home(folder).backups:
            folder = Home(folder).models
        if not folder.is_dir():
            raise NightdeskError("backup.place", f"There is no folder {text}.", "Check its path, or mount its disk.")
        place = named_place(str(folder))
    return Repository(buckets.open_place(place), place.label, place.folder), name
