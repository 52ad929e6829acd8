"""What shows in a home that a desk has lived there, whatever its database says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from config.errors import NightdeskError
from config.settings import JOBS
from daemon.opening.sound_backups import in_home
from trainers.manifest import MANIFEST

if TYPE_CHECKING:
    from config.paths import Home
    from config.settings import Settings

_RUN = re.compile(rf"(?:{'|'.join(JOBS)})-([1-9][0-9]{{0,9}})")


@dataclass(frozen=True)
class Traces:
    """How many of each kind of thing, which only a desk makes, are in a home."""

    models: int
    backups: int
    results: int

    def __bool__(self) -> bool:
        return bool(self.models or self.backups or self.results)

    def __str__(self) -> str:
        counts = {"model version": self.models, "backup": self.backups, "folder of results": self.results}
        parts = [f"{count} {_plural(name, count)}" for name, count in counts.items() if count]
        return ", ".join(parts)


def traces(home: Home) -> Traces:
    """The traces of a desk in this home: models with a manifest, backups, results of runs."""
    models = [name for name in home.versions if (home.model(*name) / MANIFEST).is_file()]
    results = [name for name in home.result_names if _RUN.fullmatch(name)]
    return Traces(len(models), len(home.backups), len(results))


def highest_run(home: Home) -> int:
    """The highest number of a run that has left results or a log; 0 where none has."""
    names = home.result_names | home.run_log_names
    return max((int(match[1]) for name in names if (match := _RUN.fullmatch(name))), default=0)


def is_lost(home: Home) -> bool:
    """Whether the embedded database is missing or empty though a desk has lived in this home."""
    return _no_file(home) and bool(traces(home))


def _no_file(home: Home) -> bool:
    try:
        return home.database.stat().st_size == 0
    except FileNotFoundError:
        return True


def lost(home: Home, settings: Settings) -> NightdeskError:
    """The error for a command that only reads, where the database is lost."""
    cure = (
        "Start the desk (`nightdesk run`): it restores the newest sound backup and says what was lost."
        if settings.backup.to or in_home(home)
        else "Bring a copy of the file back. Without one, `nightdesk run` begins a new ledger, and says so in an alert."
    )
    return NightdeskError(
        "store.missing",
        f"The database {home.database.name} is missing or empty, but the home holds {traces(home)}.",
        cure,
    )


def _plural(name: str, count: int) -> str:
    first, *rest = name.split(" ")
    if count == 1:
        return name
    return f"{name}s" if rest[:1] != ["of"] else " ".join([f"{first}s", *rest])
