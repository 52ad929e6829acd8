"""A house whose tasks are answered by the test: everything else in it is real."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from config.paths import Home
from config.settings import ExecutorSettings, JobName, Settings
from daemon.clock import ManualClock
from daemon.dispatcher import Dispatcher
from daemon.executors.base import OnEvent, Outcome, TaskSpec
from daemon.executors.worker_process import cancelled
from daemon.house import House
from daemon.log import Log
from daemon.runs import Run
from daemon.store import runs
from daemon.store.database import Database

EVENING = datetime(2026, 3, 4, 20, 0, tzinfo=UTC)
Answer = Callable[[TaskSpec], Awaitable[Outcome]]


def done(value: dict[str, Any] | None = None) -> Outcome:
    """A task that succeeded."""
    return Outcome("succeeded", value or {}, None, 0.01)


def broken(code: str = "task.worker_died") -> Outcome:
    """A task that failed."""
    return Outcome("failed", None, {"code": code, "message": "It broke.", "cure": "Mend it.", "detail": {}}, 0.01)


def _compared() -> dict[str, Callable[[TaskSpec], Outcome]]:
    """What follows every judgement."""
    found = {"recommended": None, "recommendation": "Stay in cash.", "report": "results/run"}
    return {"compare_models": lambda _: done(found), "compare_symbols": lambda _: done()}


@dataclass
class ToldExecutor:
    """Answers each kind of task as the test says; a kind without an answer hangs until the desk is closed."""

    answers: dict[str, Callable[[TaskSpec], Outcome]] = field(default_factory=_compared)
    asked: list[TaskSpec] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    capacity: int = 2

    async def run(self, spec: TaskSpec, on_event: OnEvent) -> Outcome:
        self.asked.append(spec)
        on_event({"event": "progress", "fraction": 0.5, "message": "half-way"})
        if spec.kind in self.answers:
            return self.answers[spec.kind](spec)
        await self.closed.wait()
        return Outcome("cancelled", None, cancelled(spec).to_dict(), 0.01)

    async def close(self, grace: timedelta) -> None:
        self.closed.set()

    def resize(self, settings: ExecutorSettings) -> None:
        self.capacity = settings.workers


@contextmanager
def quiet_house(home: Home, settings: Settings | None = None, now: datetime = EVENING) -> Iterator[House]:
    """A house at `now`, with a real database and an executor that is told what to answer."""
    clock = ManualClock(now)
    database = Database.open(home.database)
    try:
        yield House(
            home,
            settings or Settings(symbols=("AAPL",)),
            database,
            ToldExecutor(),
            clock,
            Log(home, clock, "quiet"),
        )
    finally:
        database.close()


def request(house: House, job: JobName, chain: tuple[JobName, ...] = (), options: dict[str, Any] | None = None) -> Run:
    """A run of `job` that is due now."""
    now = house.clock.now()
    return house.database.write(lambda c: runs.request(c, job, now=now, trigger="manual", chain=chain, options=options))


def every_run(house: House) -> list[Run]:
    """The whole ledger, oldest first."""
    return list(reversed(house.database.read(lambda c: runs.page(c, limit=1000))))


async def attend_all(dispatcher: Dispatcher, most: int = 400) -> None:
    """Let the dispatcher work until nothing is due and nothing is at work."""
    for _ in range(most):
        await dispatcher.start_due()
        if not dispatcher.busy:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the dispatcher did not come to an end")
