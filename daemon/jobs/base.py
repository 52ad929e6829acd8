"""What every step gets, and the ending that it returns."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from config.secrets import redact
from config.settings import CHAIN, JobName
from daemon.artifacts.open import open_artifacts
from daemon.domain.progress import RunProgress
from daemon.domain.runs import Run, RunState
from daemon.domain.tasks import (
    ErrorInfo,
    OutputLine,
    ResultT,
    ResultT_co,
    TaskEvent,
    TaskRequest,
    TaskResult,
    TaskTarget,
)
from daemon.executors.base import Executor, Outcome, TaskSpec
from daemon.store import runs, tasks
from daemon.store.faults import PASSING, StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from config.paths import Home
    from config.secrets import Secret
    from config.settings import Settings
    from daemon.artifacts.base import ArtifactStore
    from daemon.store.database import Database
    from daemon.system.clock import Clock
    from daemon.system.log import Log

POLL = 0.5
T = TypeVar("T")


@dataclass(frozen=True)
class Ending:
    """How a run ends: its state, the code of its cause, and counts, results and errors for a reader."""

    state: RunState
    cause: str | None = None
    detail: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Plan(Generic[ResultT_co]):
    """One task to be done: its request, and the secrets that it is handed. Two plans are never equal."""

    request: TaskRequest[ResultT_co]
    secrets: Mapping[str, Secret] = field(default_factory=dict, repr=False)

    @property
    def target(self) -> TaskTarget:
        """What the task works on."""
        return self.request.target

    @property
    def label(self) -> str:
        """How reports name the task."""
        return self.request.label


class Outcomes(Mapping[Plan[TaskResult], Outcome[TaskResult]]):
    """The outcomes of tasks by their plans, in their order; each is of its own plan's result class."""

    def __init__(self, outcomes: Mapping[Plan[Any], Outcome[Any]] | None = None) -> None:
        self._outcomes: dict[Plan[Any], Outcome[Any]] = dict(outcomes or {})

    def __getitem__(self, plan: Plan[ResultT]) -> Outcome[ResultT]:
        outcome: Outcome[ResultT] = self._outcomes[plan]
        return outcome

    def __iter__(self) -> Iterator[Plan[TaskResult]]:
        return iter(self._outcomes)

    def __len__(self) -> int:
        return len(self._outcomes)

    def __or__(self, other: Outcomes) -> Outcomes:
        return Outcomes({**self._outcomes, **other._outcomes})

    def only(self, plans: Iterable[Plan[TaskResult]]) -> Outcomes:
        """The outcomes of these plans."""
        return Outcomes({plan: self[plan] for plan in plans})

    def results(self, plans: Iterable[Plan[ResultT]]) -> list[tuple[Plan[ResultT], ResultT]]:
        """The results of these plans, of those that succeeded."""
        return [(plan, value) for plan in plans if plan in self and (value := self[plan].value) is not None]


@dataclass
class RunWork:
    """One run at work: its settings (frozen at its start), what it shares with the desk, and its tasks.

    `alone` is whether a command does it without a desk, so that a run that it requests would not be started.
    """

    run: Run
    settings: Settings
    home: Home
    database: Database
    clock: Clock
    executor: Executor
    log: Log
    alone: bool = False
    progress: RunProgress = field(default_factory=RunProgress)

    @property
    def artifacts(self) -> ArtifactStore:
        """The store of model versions."""
        return open_artifacts(self.home)

    async def do(self, plan: Plan[ResultT]) -> Outcome[ResultT]:
        """Do one task and record its beginning and its end."""
        task_id = await self.write(lambda c: self._begin(c, plan))
        spec = TaskSpec(plan.request, self.settings.limits.task_timeout, self.settings, plan.secrets)
        outcome = await self.executor.run(spec, lambda event: self._on_event(plan, event))
        await self.write(lambda c: self._end(c, task_id, outcome))
        self.log.write(
            "info" if outcome.state == "succeeded" else "error",
            "task.ended",
            task=plan.label,
            kind=plan.request.kind,
            state=outcome.state,
            error=outcome.error.document() if outcome.error else None,
        )
        return outcome

    def _begin(self, c: Connection, plan: Plan[ResultT]) -> int:
        target = plan.target
        task = tasks.add(
            c,
            self.run.id,
            kind=plan.request.kind,
            subject=target.subject or None,
            model_type=target.model_type or None,
            iteration=target.iteration,
        )
        tasks.start(c, task.id, self.clock.now())
        return task.id

    def _end(self, c: Connection, task_id: int, outcome: Outcome[ResultT]) -> None:
        tasks.finish(
            c,
            task_id,
            outcome.state,
            self.clock.now(),
            cause=outcome.error.code if outcome.error else None,
            detail=outcome.error.document() if outcome.error else None,
            result=outcome.value.document() if outcome.value else None,
        )

    def expect(self, tasks: int) -> None:
        """At least so many tasks are still to come; the reported progress never falls."""
        self.progress = self.progress.expect(tasks)

    async def do_all(self, plans: Iterable[Plan[TaskResult]], at_once: int | None = None) -> Outcomes:
        """Do many tasks, as many at a time as the executor can, but no more than `at_once`; each fails alone.

        A fault of the desk itself (the database takes no writes) ends them all: none goes on without its run.
        """
        todo = list(plans)
        self.expect(len(todo))
        capacity = self.executor.capacity
        slots = asyncio.Semaphore(min(capacity, at_once or capacity))  # a task starts when it has one

        async def one(plan: Plan[TaskResult]) -> Outcome[TaskResult]:
            async with slots:
                outcome = await self.do(plan)
            self.progress = self.progress.finish(plan.label)
            return outcome

        doing = [asyncio.create_task(one(plan)) for plan in todo]
        try:
            outcomes = await asyncio.gather(*doing)
        except BaseException:
            for task in doing:
                task.cancel()
            await asyncio.gather(*doing, return_exceptions=True)
            raise
        return Outcomes(dict(zip(todo, outcomes, strict=True)))

    def _on_event(self, plan: Plan[ResultT], event: TaskEvent) -> None:
        if isinstance(event, OutputLine):
            self.log.write("info", "task.output", task=plan.label, line=event.line)
        else:
            masked = event.model_copy(update={"message": redact(event.message)})
            self.progress = self.progress.report(plan.label, masked)

    async def write(self, change: Callable[[Any], T]) -> T:
        """Change the database without holding up the event loop; a server that is away is waited for."""
        return await self._when_it_answers(lambda: self.database.write(change))

    async def read(self, query: Callable[[Any], T]) -> T:
        """Ask the database without holding up the event loop; a server that is away is waited for."""
        return await self._when_it_answers(lambda: self.database.read(query))

    async def _when_it_answers(self, ask: Callable[[], T]) -> T:
        """The answer, as soon as there is one: the work of hours is not lost to a server that is restarted."""
        while True:
            try:
                return await asyncio.to_thread(ask)
            except StoreError as error:
                if error.code not in PASSING:
                    raise
            await asyncio.sleep(1.0)


@dataclass(frozen=True)
class Step:
    """What one job does: `wait` until its conditions hold, then `work`."""

    work: Callable[[RunWork], Awaitable[Ending]]
    wait: Callable[[RunWork], Awaitable[None]]


def upstream(job: JobName) -> JobName | None:
    """The job of the night whose results `job` needs."""
    if job not in CHAIN or job == CHAIN[0]:
        return None
    return CHAIN[CHAIN.index(job) - 1]


async def upstream_at_work(work: RunWork) -> bool:
    """Whether a run of the upstream job is recorded and has not ended."""
    job = upstream(work.run.job)
    return job is not None and await work.read(lambda c: runs.unfinished(c, job))


async def wait_for_upstream(work: RunWork) -> None:
    """Freshness, not the clock: wait while the upstream job is about to deliver newer data."""
    while await upstream_at_work(work):
        await asyncio.sleep(POLL)


def ending_of(outcomes: Outcomes, *, enough: float = 0.0, blocked: Mapping[str, ErrorInfo] | None = None) -> Ending:
    """The end of a run from the ends of its tasks.

    `partial` when some failed and at least the share `enough` of all succeeded; else `failed`, by the commonest cause;
    `timed_out` where that cause is a timeout.
    `blocked` are the errors of subjects that could not begin; they count as failed.
    """
    failed = {plan.label: outcome.error for plan, outcome in outcomes.items() if outcome.state != "succeeded"}
    failed |= blocked or {}
    total = len(outcomes) + len(blocked or {})
    detail: dict[str, object] = {"tasks": total, "succeeded": total - len(failed)}
    if not failed:
        return Ending("succeeded", None, detail)
    detail["failed"] = {label: error and error.document() for label, error in failed.items()}
    cause = Counter(error.code if error else "task.failed" for error in failed.values()).most_common(1)[0][0]
    share = (total - len(failed)) / total
    if share > 0 and share >= enough:
        return Ending("partial", cause, detail)
    return Ending("timed_out" if cause == "task.timed_out" else "failed", cause, detail)
