"""What a task is, what becomes of it, and what every executor promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Generic, Literal, Protocol

from config.errors import NightdeskError
from daemon.domain.tasks import ErrorInfo, ResultT, ResultT_co, TaskEvent, TaskRequest

if TYPE_CHECKING:
    from config.secrets import Secret
    from config.settings import ExecutorSettings, Settings

TaskState = Literal["succeeded", "failed", "timed_out", "cancelled"]
OnEvent = Callable[[TaskEvent], None]


@dataclass(frozen=True)
class TaskSpec(Generic[ResultT_co]):
    """One task: its request, how long it may take, and the settings it works by.

    `secrets` are those it needs, by name. The environment variables that the settings name as secrets are kept from
    every task: a task has the secrets that it is handed here, and no other.
    """

    request: TaskRequest[ResultT_co]
    timeout: timedelta
    settings: Settings = field(repr=False)
    secrets: Mapping[str, Secret] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Outcome(Generic[ResultT_co]):
    """The end of a task: a value if it succeeded, else an error."""

    state: TaskState
    value: ResultT_co | None
    error: ErrorInfo | None
    seconds: float

    @classmethod
    def failure(cls, state: TaskState, error: NightdeskError, seconds: float) -> Outcome[ResultT_co]:
        """A task that did not succeed."""
        return cls(state, None, ErrorInfo.of(error), seconds)

    def result(self) -> ResultT_co:
        """The value of a task that succeeded; the error of any other is raised."""
        if self.value is None:
            raise self.error.exception() if self.error else LookupError("a task ended without a result or an error")
        return self.value


class Executor(Protocol):
    """Runs tasks in processes that may die without harm to the daemon."""

    async def run(self, spec: TaskSpec[ResultT], on_event: OnEvent) -> Outcome[ResultT]:
        """Do one task; wait for a free worker first.

        Nothing that a task does raises here: its failure, death or delay is its outcome, and when this returns no
        process of the task is left. To cancel the task, cancel this coroutine: the task may save its work for a
        moment, then it is killed, and the cancellation goes on.
        """

    @property
    def capacity(self) -> int:
        """How many tasks it does at a time; others wait in `run`."""

    async def prepare(self, settings: Settings) -> None:
        """A task by these settings is about to come: whatever can be started ahead of it is started now.

        It changes nothing but the time that the task waits; what cannot be started is the task's own error.
        """

    def resize(self, settings: ExecutorSettings) -> None:
        """Take the capacity of these settings from now on; tasks at work go on."""

    async def close(self, grace: timedelta) -> None:
        """Ask every task to stop, kill what has not stopped after `grace`; their outcomes are `cancelled`."""
