"""Backups: everything irreplaceable, in objects named by their content, read back before they are trusted.

A backup lies in the home (`models/backup_*`) and, copied, in each place that the config names; the format is the same
everywhere (`repository`). `take` makes one, `copy` brings it to another place, `restore` brings a whole desk back onto
an empty home, `restore_database` only a lost database, `mend` single damaged files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.lazy import lazy_exports

# Imported when they are used: a worker that only copies starts without SQLAlchemy.
if TYPE_CHECKING:
    from daemon.backups.copying import Copied as Copied
    from daemon.backups.copying import copy as copy
    from daemon.backups.copying import verify as verify
    from daemon.backups.file_states import unwritten as unwritten
    from daemon.backups.manifest import Backup as Backup
    from daemon.backups.manifest import BackupManifest as BackupManifest
    from daemon.backups.mending import UNLISTED as UNLISTED
    from daemon.backups.mending import DamagedModel as DamagedModel
    from daemon.backups.mending import changed_files as changed_files
    from daemon.backups.mending import mend_file as mend_file
    from daemon.backups.mending import mend_models as mend_models
    from daemon.backups.mending import sources as sources
    from daemon.backups.mending import torn_files as torn_files
    from daemon.backups.places import named_place as named_place
    from daemon.backups.places import open_from as open_from
    from daemon.backups.places import open_place as open_place
    from daemon.backups.pruning import prune as prune
    from daemon.backups.repository import Repository as Repository
    from daemon.backups.repository import home_repository as home_repository
    from daemon.backups.restoring import Restored as Restored
    from daemon.backups.restoring import newest as newest
    from daemon.backups.restoring import refuse_half_restored as refuse_half_restored
    from daemon.backups.restoring import restore as restore
    from daemon.backups.restoring import restore_database as restore_database
    from daemon.backups.restoring import worth_restoring as worth_restoring
    from daemon.backups.taking import take as take
else:
    __getattr__, __dir__ = lazy_exports(__name__, __file__)
