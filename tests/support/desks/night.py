"""A desk whose tasks are answered by the test; everything else in it is real."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from config.errors import NightdeskError
from config.paths import Home
from config.secrets import Secret
from config.settings import ExecutorSettings, JobName, Settings
from daemon.context import DeskContext
from daemon.core.dispatcher import Dispatcher
from daemon.domain.options import RunOptions
from daemon.domain.runs import Run
from daemon.domain.tasks import TaskProgress, TaskResult
from daemon.executors.base import OnEvent, Outcome, TaskSpec
from daemon.executors.worker.main import WorkContext, perform
from daemon.executors.worker.process import cancelled
from daemon.executors.worker.protocol import Assignment, TaskEnded, assign, read_answer
from daemon.jobs.evaluation.messages import CompareModelsResult, CompareSymbolsResult
from daemon.jobs.tasks import resolve
from daemon.store import runs
from daemon.store.database import Database
from daemon.system.clock import ManualClock
from daemon.system.log import Log

EVENING = datetime(2026, 3, 4, 20, 0, tzinfo=UTC)
TaskOutcome = Outcome[Any]
Answer = Callable[[TaskSpec[Any]], TaskOutcome]


def done(value: TaskResult | None = None) -> TaskOutcome:
    """A task that succeeded."""
    return Outcome("succeeded", value or TaskResult(), None, 0.01)


def broken(code: str = "task.worker_died", **detail: Any) -> TaskOutcome:
    """A task that failed."""
    return Outcome.failure("failed", NightdeskError(code, "It broke.", "Mend it.", **detail), 0.01)


COMPARED = CompareModelsResult(
    models=1, recommended=None, recommendation="Stay in cash.", left_out={}, report="results/run"
)


def _compared() -> dict[str, Answer]:
    """Answers to the two tasks that follow every evaluation."""
    return {
        "compare_models": lambda _: done(COMPARED),
        "compare_symbols": lambda _: done(CompareSymbolsResult(report="results/run")),
    }


@dataclass
class ScriptedExecutor:
    """Answers each kind of task from `answers`; a kind without an answer hangs until the desk is closed."""

    answers: dict[str, Answer] = field(default_factory=_compared)
    specs: list[TaskSpec[Any]] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    capacity: int = 2
    message: str = "half-way"

    @property
    def requests(self) -> list[Any]:
        """The requests of all tasks so far, in order."""
        return [spec.request for spec in self.specs]

    async def run(self, spec: TaskSpec[Any], on_event: OnEvent) -> TaskOutcome:
        self.specs.append(spec)
        on_event(TaskProgress(fraction=0.5, message=self.message))
        if spec.request.kind in self.answers:
            return self.answers[spec.request.kind](spec)
        await self.closed.wait()
        return Outcome.failure("cancelled", cancelled(spec.request.kind), 0.01)

    async def close(self, grace: timedelta) -> None:
        self.closed.set()

    async def prepare(self, settings: Settings) -> None:
        pass

    def resize(self, settings: ExecutorSettings) -> None:
        self.capacity = settings.workers


class WorkingExecutor(ScriptedExecutor):
    """Runs the tasks in this process with the code of a worker, and counts how many ran at once."""

    def __init__(self, home: Home, now: Callable[[], datetime], capacity: int = 2) -> None:
        super().__init__(capacity=capacity)
        self.home, self.now = home, now
        self.busy = self.most = 0

    async def run(self, spec: TaskSpec[Any], on_event: OnEvent) -> TaskOutcome:
        self.specs.append(spec)
        self.busy += 1
        self.most = max(self.most, self.busy)
        await asyncio.sleep(0.02)
        task = assign(spec.request, str(self.home.root), spec.settings, spec.secrets).model_dump_json().encode()
        sent = perform(task, resolve, self._context).model_dump_json().encode()
        self.busy -= 1
        ended = read_answer(spec.request.result, sent)
        assert isinstance(ended, TaskEnded)
        return Outcome("failed" if ended.error else "succeeded", ended.result, ended.error, 0.1)

    def _context(self, assignment: Assignment[Any]) -> WorkContext:
        secrets = {name: Secret(value) for name, value in assignment.secrets.items()}
        home = Home(Path(assignment.home))
        return WorkContext(home, assignment.settings, lambda *_: None, lambda: False, self.now, secrets)


@contextmanager
def scripted_desk(home: Home, settings: Settings | None = None, now: datetime = EVENING) -> Iterator[DeskContext]:
    """A desk at `now`, with a real database and an executor whose answers the test sets."""
    clock = ManualClock(now)
    database = Database.open(home.database)
    try:
        yield DeskContext(
            home,
            settings or Settings(symbols=("AAPL",)),
            database,
            ScriptedExecutor(),
            clock,
            Log(home, clock, "quiet"),
        )
    finally:
        database.close()


def request(
    context: DeskContext,
    job: JobName,
    chain: tuple[JobName, ...] = (),
    options: RunOptions | None = None,
    trigger: str = "manual",
) -> Run:
    """A run of `job` that is due now."""
    now = context.clock.now()
    return context.database.write(
        lambda c: runs.request(c, job, now=now, trigger=trigger, chain=chain, options=options)
    )


def every_run(context: DeskContext) -> list[Run]:
    """The whole ledger, oldest first."""
    return list(reversed(context.database.read(lambda c: runs.page(c, limit=1000))))


async def attend_all(dispatcher: Dispatcher, most: int = 400) -> None:
    """Let the dispatcher work until nothing is due and nothing is at work."""
    for _ in range(most):
        await dispatcher.start_due()
        if not dispatcher.busy:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the dispatcher did not come to an end")
