"""Messages of the task that audits the rules by which recipes are proven."""

from __future__ import annotations

from typing import ClassVar

from daemon.domain.tasks import Message, TaskRequest, TaskResult


class ProvenHomes(Message):
    """Of `homes` without an edge in a world, how many called a recipe proven on any night of a year."""

    world: str
    costs: str
    proven: int
    homes: int


class AuditResult(TaskResult):
    """What the audit counted, and the files that say it in full, relative to the home."""

    worlds: tuple[ProvenHomes, ...]
    files: tuple[str, ...]


class AuditRequest(TaskRequest[AuditResult]):
    """Simulate homes on null markets and write certificate and page into the results of the run of this name."""

    kind: ClassVar[str] = "audit_null_markets"
    result: ClassVar[type[TaskResult]] = AuditResult
    run: str
