"""The backups from which a lost database can be restored: those of the home, then those at the places of the config."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from config.errors import NightdeskError
from daemon import backups

if TYPE_CHECKING:
    from config.paths import Home
    from config.settings import Settings
    from daemon.backups import Repository


def in_home(home: Home) -> bool:
    """Whether a backup with a row in its database lies in the home."""
    return home.models.is_dir() and backups.worth_restoring(backups.home_repository(home))


def candidates(home: Home, settings: Settings, code: str) -> Iterator[Repository]:
    """Every place with a backup that holds a row, the home first; the others are asked only if it is not enough.

    Raises:
        NightdeskError: `code`, in the end, if a place could not be asked: it may hold what would be given up.
    """
    if in_home(home):
        yield backups.home_repository(home)
    silent: list[str] = []
    for place in settings.backup.to:
        try:
            repository = backups.open_place(place, home)
            holds_rows = backups.worth_restoring(repository)
        except NightdeskError as error:
            silent.append(f"{place.label} ({error.message.rstrip('.')})")
            continue
        if holds_rows:
            yield repository
    if silent:
        raise _unanswered(silent, code)


def restore(home: Home, repositories: Iterator[Repository], desk: str | None) -> str | None:
    """Restore the database from the first of these that can; the backup and its place, None if none can."""
    for repository in repositories:
        if name := backups.restore_database(home, repository, desk):
            return name if repository.folder == home.models else f"{name} in {repository.label}"
    return None


def _unanswered(silent: list[str], code: str) -> NightdeskError:
    return NightdeskError(
        code,
        f"The database is lost, no sound backup of it lies in the home, and {', '.join(silent)} could not be asked.",
        "Mount the disk or mend the network, then start the desk: it restores the database. To begin an empty one "
        "nevertheless, take the place out of `backup.to`.",
    )
