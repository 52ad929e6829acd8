"""Bringing a backup back: a whole home, or only its database."""

from __future__ import annotations

import shutil
from pathlib import Path

from config.errors import NightdeskError
from config.paths import Home
from config.publish import publishing, publishing_folder
from daemon.backups.faults import refused_by_disk
from daemon.backups.manifest import Backup, is_sound, verify
from daemon.store import runs
from daemon.store.engines import reading
from trainers.manifest import MANIFEST


def restore(folder: Path, home: Home) -> Backup:
    """Bring a backup back into an empty home; the database comes last, so an interrupted restore is no desk yet."""
    backup = verify(folder)
    _refuse_used(home)
    models = {(folder / name).parent for name in backup.manifest.files if name.endswith(f"/{MANIFEST}")}
    with refused_by_disk("restore.not_written", folder.name):
        for model in sorted(models):
            with publishing_folder(home.root / model.relative_to(folder)) as temp:
                shutil.copytree(model, temp, copy_function=shutil.copyfile, dirs_exist_ok=True)
        with publishing(home.config) as temp:
            shutil.copyfile(Home(folder).config, temp)
        _copy_database_back(folder, home)
    return backup


def restore_database(home: Home) -> str | None:
    """Bring back only the database, where a damaged one was set aside, from the newest backup that is sound.

    Returns that backup's name; None if there is none.
    """
    _refuse(_database_files(home), home)
    for folder in reversed(home.backups):
        if Home(folder).database.exists() and is_sound(folder):
            with refused_by_disk("restore.not_written", folder.name):
                _copy_database_back(folder, home)
            return folder.name
    return None


def worth_restoring(home: Home) -> bool:
    """Whether a backup in the home holds a ledger that knows a desk: a run, at least."""
    return any(Home(folder).database.exists() and is_sound(folder) and _knows_runs(folder) for folder in home.backups)


def _knows_runs(folder: Path) -> bool:
    with reading(Home(folder).database) as c:
        return runs.any_run(c)


def _copy_database_back(folder: Path, home: Home) -> None:
    source = Home(folder).database
    if source.exists():
        with publishing(home.database) as temp:
            shutil.copyfile(source, temp)


def _refuse_used(home: Home) -> None:
    models = [path for path in home.models.glob("*/") if path not in home.backups and not path.name.startswith(".")]
    configs = [home.config] if home.config.exists() else []
    _refuse([*_database_files(home), *configs, *models], home)


def _database_files(home: Home) -> list[Path]:
    """The database and the logs that SQLite would replay into whatever stands in its place."""
    names = [f"{home.database.name}{suffix}" for suffix in ("", "-wal", "-shm", "-journal")]
    return [path for name in names if (path := home.database.with_name(name)).exists()]


def _refuse(used: list[Path], home: Home) -> None:
    if used:
        raise NightdeskError(
            "restore.not_empty",
            f"The home is not empty: it holds {home.relative(used[0])}.",
            "Restore into an empty folder (--home), or move what is there out of the way.",
        )
