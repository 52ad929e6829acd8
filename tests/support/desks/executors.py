"""Executors under test: the specs they are given, and what they leave behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from config.settings import Settings
from daemon.domain.tasks import OutputLine, TaskEvent
from daemon.executors.base import Executor, Outcome, TaskSpec
from daemon.executors.worker import processes
from tests.support.desks.worker_tasks import Answer, order

REPOSITORY = Path(__file__).parents[3]
WORK = "tests.support.desks.worker_tasks"
T = TypeVar("T")


Spec = TaskSpec[Answer]
End = Outcome[Answer]


def spec(kind: str, *, timeout: float = 30.0, memory_mb: int = 4096, **args: Any) -> Spec:
    settings = Settings.model_validate({"limits": {"task_memory_mb": memory_mb}})
    return TaskSpec(order(kind)(args=args), timedelta(seconds=timeout), settings)


def execute(executor: Executor, body: Callable[[], Awaitable[T]]) -> T:
    """Run `body` on an event loop of its own and close the executor after it."""

    async def all_of_it() -> T:
        try:
            return await body()
        finally:
            await executor.close(timedelta(seconds=1))

    return asyncio.run(all_of_it())


def outcomes(executor: Executor, specs: Iterable[Spec]) -> list[End]:
    """The outcomes of tasks done one after the other."""

    async def body() -> list[End]:
        return [await executor.run(spec, ignore) for spec in specs]

    return execute(executor, body)


def run_with_events(executor: Executor, task: Spec) -> tuple[End, list[TaskEvent]]:
    """The outcome of one task, and the events until then."""
    events: list[TaskEvent] = []
    before_the_end = 0

    async def body() -> End:
        nonlocal before_the_end
        outcome = await executor.run(task, events.append)
        before_the_end = len(events)
        return outcome

    outcome = execute(executor, body)
    return outcome, events[:before_the_end]


def lines(events: Iterable[TaskEvent]) -> list[str]:
    """What a task printed."""
    return [event.line for event in events if isinstance(event, OutputLine)]


def ignore(event: TaskEvent) -> None:
    """For tests that look at outcomes only."""


def code(outcome: End) -> str | None:
    return outcome.error.code if outcome.error else None


def value(outcome: End) -> Any:
    """What the task's function returned."""
    return outcome.result().value


def alive(pids: Iterable[int]) -> set[int]:
    return {pid for pid in pids if processes.find(pid) is not None}


def wait_until(condition: Callable[[], Any], within: float) -> bool:
    """Whether `condition` comes true in time."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return bool(condition())


async def until(condition: Callable[[], Any], within: float = 10.0) -> None:
    """The same on an event loop; raises TimeoutError."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.01)
