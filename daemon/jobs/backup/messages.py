"""Messages of the tasks that check data, copy backups and prove them."""

from __future__ import annotations

from typing import ClassVar

from config.settings import BackupPlace
from daemon.domain.tasks import TaskRequest, TaskResult

HOME = "home"


class CheckDataResult(TaskResult):
    """The damaged files, each with what is wrong with it."""

    damaged: dict[str, str]


class CheckDataRequest(TaskRequest[CheckDataResult]):
    """Read these files of bars and headlines, named relative to the home."""

    kind: ClassVar[str] = "check_data"
    result: ClassVar[type[TaskResult]] = CheckDataResult
    files: tuple[str, ...]


class CopyBackupResult(TaskResult):
    """How many objects of a backup were new at its place, their bytes, and the backups that were deleted there.

    `checked` of the others were read back; the files of which some were damaged, and were sent again, are `mended`.
    """

    backup: str
    objects: int
    bytes: int
    removed: tuple[str, ...]
    checked: int = 0
    mended: tuple[str, ...] = ()


class CopyBackupRequest(TaskRequest[CopyBackupResult]):
    """Copy the backup of this name from the home to a place, where the newest `keep` stay."""

    kind: ClassVar[str] = "copy_backup"
    result: ClassVar[type[TaskResult]] = CopyBackupResult
    backup: str
    place: BackupPlace
    keep: int

    @property
    def label(self) -> str:
        """The place."""
        return self.place.label


class ProveBackupResult(TaskResult):
    """A backup that can be used: its size, and the folders of the champions that it brought back.

    `resent` objects were damaged at its place, and sent there again from the home.
    """

    backup: str
    files: int
    bytes: int
    champions: tuple[str, ...]
    resent: int = 0


class ProveBackupRequest(TaskRequest[ProveBackupResult]):
    """Restore the newest backup of a place onto an empty home, where its champions must repeat their predictions.

    Without a place it is the newest of the home itself.
    """

    kind: ClassVar[str] = "prove_backup"
    result: ClassVar[type[TaskResult]] = ProveBackupResult
    place: BackupPlace | None

    @property
    def label(self) -> str:
        """The place."""
        return self.place.label if self.place else HOME
