"""Backups: everything irreplaceable, in objects named by their content, read back before they are trusted.

A backup lies in the home (`models/backup_*`) and, copied, in each place that the config names; the format is the same
everywhere (`repository`). `take` makes one, `copy` brings it to another place, `restore` brings a whole desk back onto
an empty home, `restore_database` only a lost database, `mend` single damaged files.
"""

from daemon.backups.copying import Copied, copy, verify
from daemon.backups.manifest import Backup, BackupManifest
from daemon.backups.mending import UNLISTED, DamagedModel, changed_files, mend_file, mend_models, sources, torn_files
from daemon.backups.places import named_place, open_from, open_place
from daemon.backups.pruning import prune
from daemon.backups.repository import Repository, home_repository
from daemon.backups.restoring import (
    Restored,
    newest,
    refuse_half_restored,
    restore,
    restore_database,
    worth_restoring,
)
from daemon.backups.taking import take

__all__ = [
    "UNLISTED",
    "Backup",
    "BackupManifest",
    "Copied",
    "DamagedModel",
    "Repository",
    "Restored",
    "changed_files",
    "copy",
    "home_repository",
    "mend_file",
    "mend_models",
    "named_place",
    "newest",
    "open_from",
    "open_place",
    "prune",
    "refuse_half_restored",
    "restore",
    "restore_database",
    "sources",
    "take",
    "torn_files",
    "verify",
    "worth_restoring",
]
