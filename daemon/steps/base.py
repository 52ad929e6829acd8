"""What every step is given, and how it tells its end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from config.settings import NIGHT, JobName
from daemon.artifacts.open import open_artifacts
from daemon.executors.base import Executor, Outcome, TaskSpec
from daemon.runs import Run, RunState
from daemon.store import runs, tasks

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from config.paths import Home
    from config.secrets import Secret
    from config.settings import Settings
    from daemon.artifacts.base import ArtifactStore
    from daemon.clock import Clock
    from daemon.log import Log
    from daemon.store.database import Database

POLL = 0.5
T = TypeVar("T")


@dataclass(frozen=True)
class Ending:
    """How a run ends: its state, the code of its cause, and what a reader wants to know."""

    state: RunState
    cause: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Plan:
    """One task to be done: its kind, its arguments, whom it is about, and the secrets that it is handed.

    Each is itself, equal to no other.
    """

    kind: str
    args: dict[str, Any] = field(default_factory=dict)
    symbol: str = ""
    model_type: str = ""
    iteration: int = 0
    secrets: Mapping[str, Secret] = field(default_factory=dict, repr=False)

    @property
    def subject(self) -> str:
        """How reports call it: AAPL/behavioral_cloner, AAPL, or the kind."""
        parts = [part for part in (self.symbol, self.model_type) if part]
        name = "/".join(parts) or self.kind
        return f"{name}#{self.iteration}" if self.iteration else name


@dataclass
class RunWork:
    """One run at work: its settings (frozen at its start), the house, and its tasks."""

    run: Run
    settings: Settings
    home: Home
    database: Database
    clock: Clock
    executor: Executor
    log: Log
    progress: dict[str, Any] = field(default_factory=dict)

    @property
    def artifacts(self) -> ArtifactStore:
        """The store of model versions."""
        return open_artifacts(self.home)

    async def do(self, plan: Plan) -> Outcome:
        """Do one task and record its beginning and its end."""

        def begun(c: Connection) -> int:
            task = tasks.add(
                c,
                self.run.id,
                kind=plan.kind,
                symbol=plan.symbol or None,
                model_type=plan.model_type or None,
                iteration=plan.iteration,
            )
            tasks.start(c, task.id, self.clock.now())
            return task.id

        task_id = await self.write(begun)
        args = {"symbol": plan.symbol, "model_type": plan.model_type, "iteration": plan.iteration, **plan.args}
        spec = TaskSpec(plan.kind, args, self.settings.limits.task_timeout, self.settings, plan.secrets)
        outcome = await self.executor.run(spec, lambda event: self._heard(plan, event))
        error = outcome.error or {}
        await self.write(
            lambda c: tasks.finish(
                c,
                task_id,
                outcome.state,
                self.clock.now(),
                cause=error.get("code"),
                detail=outcome.error,
                result=outcome.value,
            )
        )
        level = "info" if outcome.state == "succeeded" else "error"
        self.log.write(level, "task.ended", task=plan.subject, kind=plan.kind, state=outcome.state, error=outcome.error)
        return outcome

    def expect(self, tasks: int) -> None:
        """Say that so many tasks are still to come, or more: what is told of how far the run is never goes back."""
        done = self.progress.setdefault("done", 0)
        self.progress["of"] = max(self.progress.get("of", 0), done + tasks)

    async def do_all(self, plans: Iterable[Plan], at_once: int | None = None) -> dict[Plan, Outcome]:
        """Do many tasks, as many at a time as the executor can, but no more than `at_once`; each fails alone.

        A fault of the desk itself (the database takes no writes) ends them all: none goes on behind its run's back.
        """
        todo = list(plans)
        self.expect(len(todo))
        capacity = self.executor.capacity
        turns = asyncio.Semaphore(min(capacity, at_once or capacity))  # a task that waits has not started

        async def one(plan: Plan) -> Outcome:
            async with turns:
                outcome = await self.do(plan)
            self.progress["done"] += 1
            self.progress.get("tasks", {}).pop(plan.subject, None)
            return outcome

        doing = [asyncio.create_task(one(plan)) for plan in todo]
        try:
            outcomes = await asyncio.gather(*doing)
        except BaseException:
            for task in doing:
                task.cancel()
            await asyncio.gather(*doing, return_exceptions=True)
            raise
        return dict(zip(todo, outcomes, strict=True))

    def _heard(self, plan: Plan, event: dict[str, Any]) -> None:
        if event.get("event") == "progress":
            told = {"fraction": event.get("fraction"), "message": event.get("message")}
            self.progress.setdefault("tasks", {})[plan.subject] = told
        else:
            self.log.write("info", "task.said", task=plan.subject, line=event.get("line"))

    async def write(self, change: Callable[[Any], T]) -> T:
        """Change the database without holding up the event loop."""
        return await asyncio.to_thread(self.database.write, change)

    async def read(self, query: Callable[[Any], T]) -> T:
        """Ask the database without holding up the event loop."""
        return await asyncio.to_thread(self.database.read, query)


@dataclass(frozen=True)
class Step:
    """What one job does: `wait` until its conditions hold, then `work`."""

    work: Callable[[RunWork], Awaitable[Ending]]
    wait: Callable[[RunWork], Awaitable[None]]


def forerunner(job: JobName) -> JobName | None:
    """The job of the night whose results `job` needs."""
    if job not in NIGHT or job == NIGHT[0]:
        return None
    return NIGHT[NIGHT.index(job) - 1]


async def forerunner_at_work(work: RunWork) -> bool:
    """Whether the forerunner is recorded and not yet at its end."""
    job = forerunner(work.run.job)
    return job is not None and await work.read(lambda c: runs.unfinished(c, job))


async def wait_for_forerunner(work: RunWork) -> None:
    """Freshness, not the clock: what the forerunner is about to deliver is worth waiting for."""
    while await forerunner_at_work(work):
        await asyncio.sleep(POLL)


def ending_of(
    outcomes: Mapping[Plan, Outcome], *, enough: float = 0.0, blocked: Mapping[str, Any] | None = None
) -> Ending:
    """The end of a run from the ends of its tasks.

    `partial` when some failed and at least the share `enough` of all succeeded; else `failed`, by the commonest cause,
    which may be that they took too long: `timed_out`.
    `blocked` are subjects that could not be begun; they count as failed.
    """
    failed = {plan.subject: outcome.error for plan, outcome in outcomes.items() if outcome.state != "succeeded"}
    failed |= blocked or {}
    total = len(outcomes) + len(blocked or {})
    detail: dict[str, Any] = {"tasks": total, "succeeded": total - len(failed)}
    if not failed:
        return Ending("succeeded", None, detail)
    detail["failed"] = failed
    cause = Counter((error or {}).get("code", "task.failed") for error in failed.values()).most_common(1)[0][0]
    share = (total - len(failed)) / total
    if share > 0 and share >= enough:
        return Ending("partial", cause, detail)
    return Ending("timed_out" if cause == "task.timed_out" else "failed", cause, detail)
