"""Copying a backup to another place: apart from the tasks that read data and models, whose libraries start slowly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon import backups
from daemon.jobs.backup.messages import CopyBackupResult

if TYPE_CHECKING:
    from daemon.executors.worker.main import WorkContext
    from daemon.jobs.backup.messages import CopyBackupRequest


def copy_backup(context: WorkContext, request: CopyBackupRequest) -> CopyBackupResult:
    """Copy a backup of the home to another place, and delete the old ones there."""
    target = backups.open_place(request.place, context.home, context.secrets)
    night = context.now().toordinal()
    copied = backups.copy(backups.home_repository(context.home), request.backup, target, night=night)
    removed = backups.prune(target, request.keep)
    return CopyBackupResult(
        backup=request.backup,
        objects=copied.objects,
        bytes=copied.bytes,
        removed=tuple(removed),
        checked=copied.checked,
        mended=copied.mended,
    )
