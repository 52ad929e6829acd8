"""Messages of the task that proves a backup."""

from __future__ import annotations

from typing import ClassVar

from daemon.domain.tasks import TaskRequest, TaskResult


class ProveBackupResult(TaskResult):
    """A backup that can be used: its size, and the folders of the champions that it brought back."""

    backup: str
    files: int
    bytes: int
    champions: tuple[str, ...]


class ProveBackupRequest(TaskRequest[ProveBackupResult]):
    """Restore the backup of this name into a scratch home, where its champions must reproduce their predictions."""

    kind: ClassVar[str] = "prove_backup"
    result: ClassVar[type[TaskResult]] = ProveBackupResult
    backup: str
