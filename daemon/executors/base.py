"""What a task is, what becomes of it, and what every executor promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol

from config.errors import NightdeskError

if TYPE_CHECKING:
    from config.secrets import Secret
    from config.settings import ExecutorSettings, Settings

TaskState = Literal["succeeded", "failed", "timed_out", "cancelled"]
# {"event": "progress", "fraction": 0.5, "message": "..."} or {"event": "line", "line": "..."}: what the task printed.
OnEvent = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class TaskSpec:
    """One task: its kind, its small JSON arguments, how long it may take, and the settings it works by.

    `secrets` are those it needs, by name. The environment variables that the settings name as secrets are kept from
    every task: a task has the secrets that it is handed here, and no other.
    """

    kind: str
    args: dict[str, Any]
    timeout: timedelta
    settings: Settings = field(repr=False)
    secrets: Mapping[str, Secret] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Outcome:
    """The end of a task. `value` is its small JSON result, `error` a `NightdeskError.to_dict()`."""

    state: TaskState
    value: dict[str, Any] | None
    error: dict[str, Any] | None
    seconds: float

    def result(self) -> dict[str, Any]:
        """The value of a task that succeeded; the error of any other is raised."""
        if self.error is not None:
            raise NightdeskError.from_dict(self.error)
        return self.value or {}


class Executor(Protocol):
    """Runs tasks in processes that may die without harm to the daemon."""

    async def run(self, spec: TaskSpec, on_event: OnEvent) -> Outcome:
        """Do one task; wait for a free worker first.

        Nothing that a task does raises here: its failure, death or delay is its outcome, and when this returns no
        process of the task is left. To cancel the task, cancel this coroutine: the task may save its work for a
        moment, then it is killed, and the cancellation goes on.
        """

    @property
    def capacity(self) -> int:
        """How many tasks it does at a time; others wait in `run`."""

    def resize(self, settings: ExecutorSettings) -> None:
        """Take the capacity of these settings from now on; tasks at work go on."""

    async def close(self, grace: timedelta) -> None:
        """Ask every task to stop, kill what has not stopped after `grace`; their outcomes are `cancelled`."""
