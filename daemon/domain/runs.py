"""The states of a run and the legal ways between them; pure, so that every store and executor means the same."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Literal, get_args
from uuid import uuid4

from config.settings import JobName
from daemon.domain.options import RunOptions
from daemon.domain.tasks import Document

RunState = Literal[
    "due",
    "waiting",
    "running",
    "succeeded",
    "partial",
    "failed",
    "skipped",
    "missed",
    "cancelled",
    "crashed",
    "timed_out",
]
STATES: tuple[RunState, ...] = get_args(RunState)
TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    # Recorded, nobody works on it yet.
    "due": frozenset({"waiting", "running", "skipped", "cancelled"}),
    # Claimed; its conditions (fresh data) are not met yet.
    "waiting": frozenset({"running", "skipped", "failed", "cancelled", "crashed"}),
    "running": frozenset({"succeeded", "partial", "failed", "skipped", "cancelled", "crashed", "timed_out"}),
    **dict.fromkeys(
        ("succeeded", "partial", "failed", "skipped", "missed", "cancelled", "crashed", "timed_out"), frozenset()
    ),
}
TERMINAL: frozenset[RunState] = frozenset(state for state, after in TRANSITIONS.items() if not after)
ACTIVE: frozenset[RunState] = frozenset({"waiting", "running"})
# Why a run is cancelled when the desk stops under it; any other cancellation is a person's wish.
SHUTDOWN = "shutdown"

# Why an occurrence was missed: no desk ran, or one ran and could not record it.
MissedCause = Literal["desk.down", "disk.full", "disk.failed", "store.unreachable", "exhausted.memory", "desk.fault"]

TaskState = Literal["due", "running", "succeeded", "failed", "skipped", "cancelled", "crashed", "timed_out"]
TASK_ENDS: frozenset[TaskState] = frozenset(get_args(TaskState)) - {"due", "running"}


def legal(before: RunState, after: RunState) -> bool:
    """Whether a run may go from `before` to `after`."""
    return after in TRANSITIONS[before]


def sources_of(after: RunState) -> tuple[RunState, ...]:
    """The states from which a run may become `after`."""
    return tuple(before for before in STATES if legal(before, after))


def task_end(run_end: RunState) -> TaskState:
    """How a task ends that its run left unfinished: as the run did, but never as a success."""
    ends: dict[RunState, TaskState] = {
        "failed": "failed",
        "skipped": "skipped",
        "crashed": "crashed",
        "timed_out": "timed_out",
    }
    return ends.get(run_end, "cancelled")


@dataclass(frozen=True)
class Owner:
    """A process, distinguished from any other that ever had its pid.

    Args:
        pid: its number in its own PID namespace.
        started: when it started, in clock ticks since boot.
        boot: the boot of the machine.
        namespace: the PID namespace in which `pid` means something; empty in rows of an older Nightdesk.
        instance: a name that no other process ever has, in whatever namespace; empty in such rows.
        desk: the id of the desk that it worked for, where it worked for one.
    """

    pid: int
    started: int
    boot: str
    namespace: str = ""
    instance: str = ""
    desk: str = ""

    @classmethod
    def me(cls, desk: str = "") -> Owner:
        """This process, which works for `desk`."""
        pid = os.getpid()
        started = process_start(pid)
        return cls(pid, started if started is not None else 0, boot_id(), pid_namespace(), process_instance(pid), desk)

    @property
    def visible(self) -> bool:
        """Whether this process could see that one: a pid means nothing in another boot or PID namespace."""
        return self.boot == boot_id() and self.namespace in ("", pid_namespace())

    def alive(self) -> bool:
        """Whether that very process still lives, as far as this one can see."""
        return self.visible and process_start(self.pid) == self.started

    def to_dict(self) -> Document:
        """As it is stored in the database."""
        return asdict(self)


@cache
def boot_id() -> str:
    """The kernel's name for this boot of the machine; empty where there is none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


@cache
def pid_namespace() -> str:
    """The kernel's name for the PID namespace of this process; empty where there is none."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


@cache
def process_instance(pid: int) -> str:  # noqa: ARG001 -- a fork has another pid, and so another name
    """A random name for the process `pid`, which is this one."""
    return uuid4().hex


def process_start(pid: int) -> int | None:
    """When process `pid` started, in clock ticks since boot; None if there is no such process (or only its zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else int(fields[19])


@dataclass(frozen=True)
class Run:
    """A row of the run ledger."""

    id: int
    job: JobName
    scheduled_for: datetime
    attempt: int
    state: RunState
    trigger: str
    chain: tuple[JobName, ...]
    options: RunOptions
    parent_id: int | None
    recorded_at: datetime
    not_before: datetime
    started_at: datetime | None
    finished_at: datetime | None
    owner: Owner | None
    cause: str | None
    detail: Document | None
    settings_fingerprint: str | None

    @property
    def name(self) -> str:
        """How logs and result folders call it."""
        return f"{self.job}-{self.id}"


@dataclass(frozen=True)
class Task:
    """One unit inside a run; it fails alone."""

    id: int
    run_id: int
    kind: str
    subject: str | None
    model_type: str | None
    iteration: int
    state: TaskState
    started_at: datetime | None
    finished_at: datetime | None
    cause: str | None
    detail: Document | None
    result: Document | None
