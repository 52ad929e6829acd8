"""Backups: copies of everything irreplaceable, read back before they are trusted.

A backup is laid out like a home (its files are named by `Home(folder)`), with a manifest that was written last and
holds the sha256 of every other file. Its files are copies, so it survives damage to the originals; content that an
earlier backup already holds is shared with it by hard link, after it was read back there.
"""

from daemon.backups.copies import prune, take, version_folder
from daemon.backups.manifest import Backup, BackupManifest, verify
from daemon.backups.restore import restore, restore_database, worth_restoring

__all__ = [
    "Backup",
    "BackupManifest",
    "prune",
    "restore",
    "restore_database",
    "take",
    "verify",
    "version_folder",
    "worth_restoring",
]
