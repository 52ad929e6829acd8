"""To which desk a place of backups belongs: two desks at one place would prune each other's backups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.errors import NightdeskError
from daemon.store.blocks import rows_of

if TYPE_CHECKING:
    from daemon.backups.manifest import BackupManifest
    from daemon.backups.repository import Repository


def desk_of(repository: Repository, name: str, manifest: BackupManifest) -> str | None:
    """The id of the desk whose database a backup holds; None in backups of desks that had none yet."""
    rows = rows_of(repository.read_index(sha256, name) for sha256 in manifest.tables.get("desks", ()))
    newest = max(rows, key=lambda row: str(row["since"]), default=None)
    return None if newest is None else str(newest["id"])


def claim(place: Repository, desk: str) -> None:
    """Note that a place belongs to this desk, unless it is noted already.

    A desk that was restored has the id that it had, so its places are its own.

    Raises:
        NightdeskError: `backup.foreign`, where it belongs to another one.
    """
    owner = place.owner()
    if owner is None and (owner := _desk_of_newest(place) or desk) == desk:
        owner = place.note_owner(desk)
    if owner != desk:
        raise NightdeskError(
            "backup.foreign",
            f"The {place.label} holds the backups of another desk, {owner}; this one is {desk}.",
            "Give every desk a folder, or a prefix in the bucket, of its own. If this desk takes the place of that "
            f'one, write {{"desk": "{desk}"}} into desk.json there.',
            desk=owner,
        )


def _desk_of_newest(place: Repository) -> str | None:
    """The desk of the newest backup there that says so: places are older than their notes."""
    for name in reversed(place.names()):
        try:
            if (desk := desk_of(place, name, place.manifest(name))) is not None:
                return desk
        except NightdeskError as error:
            if not error.code.startswith("backup."):
                raise
    return None
