"""The dispatcher: claims due runs, does each to its end, and records the next of its chain."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from config.errors import NightdeskError
from daemon.alerts.rules import exhaustions, run_ended
from daemon.context import DeskContext, with_options
from daemon.domain.exhaustion import DISK, EXHAUSTED, exhaustion
from daemon.domain.progress import RunProgress
from daemon.domain.runs import SHUTDOWN, Owner, Run
from daemon.jobs.steps import STEPS, Ending, RunWork
from daemon.store import alerts, runs
from daemon.store.database import FATAL
from daemon.store.faults import CLOSED, DISK_FULL, UNREACHABLE, StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Faults that end by themselves, and the wait before the first retry; the second waits twice as long, the third thrice.
TRANSIENT = {
    "data.unreachable": timedelta(minutes=5),
    "data.rate_limited": timedelta(minutes=20),  # its source is left alone until then
    DISK: timedelta(minutes=5),
    **dict.fromkeys(EXHAUSTED, timedelta(minutes=1)),
    # Such an end is recorded when the database takes writes again, so the fault is over.
    **dict.fromkeys((DISK_FULL, "store.disk_error", "store.busy", UNREACHABLE), timedelta(seconds=15)),
}
# An end that cannot be recorded is tried again every second; so often it is logged, and after so many it is given up.
LOG_EVERY = 60
GIVE_UP_AFTER = 10


class Dispatcher:
    """At most one run of a job at a time; different jobs side by side.

    Args:
        context: settings, database, executor, clock and log of the desk.
        alone: whether it works without a schedule (run-once): a run waits for no other, for none
            would come; none is retried; and a run that is stopped is `interrupted`.
    """

    def __init__(self, context: DeskContext, *, alone: bool = False) -> None:
        self.context = context
        self.alone = alone
        self.owner = Owner.me(context.desk)
        self.stopping = False
        self._works: dict[int, RunWork] = {}
        self._attending: dict[int, asyncio.Task[None]] = {}

    @property
    def busy(self) -> bool:
        """Whether a run is at work."""
        return bool(self._attending)

    def progress(self, run_id: int) -> RunProgress | None:
        """The progress of a run; None if this dispatcher does not do it."""
        work = self._works.get(run_id)
        return work.progress if work is not None else None

    def recover(self) -> list[Run]:
        """Runs whose owner died are `crashed`; their retries, or the next of their chains, are recorded with that."""
        now, attempts = self.context.clock.now(), self.context.settings.limits.attempts

        def change(c: Connection) -> list[Run]:
            orphans = runs.orphans(c, leased=self.context.leased)
            for run in orphans:
                follower = runs.finish(c, run.id, "crashed", now, cause="owner.dead", attempts=attempts)
                self._observe_end(c, run.id, follower)
            return orphans

        return self.context.database.write(change)

    async def start_due(self, only: int | None = None) -> None:
        """Start attending every due run whose job is not already at work; or `only` the one with that id."""
        if self.stopping:
            return
        now = self.context.clock.now()
        due = await asyncio.to_thread(self.context.database.read, lambda c: runs.due(c, now))
        for run in due:
            if only not in (None, run.id) or any(work.run.job == run.job for work in self._works.values()):
                continue
            self._works[run.id] = self._work(run)
            self._attending[run.id] = asyncio.create_task(self._attend(self._works[run.id]), name=run.name)

    def _work(self, run: Run) -> RunWork:
        context = self.context
        return RunWork(
            run,
            context.settings,
            context.home,
            context.database,
            context.clock,
            context.executor,
            context.log.for_run(run.name),
            self.alone,
        )

    async def stop(self) -> None:
        """Let nothing new begin, end what is at work within the grace, and record it as cancelled, to be retried."""
        self.stopping = True
        for run_id, task in self._attending.items():
            if self._works[run_id].progress.waiting:
                task.cancel()
        await self.context.executor.close(self.context.settings.limits.stop_grace)
        if self._attending:
            _, late = await asyncio.wait(self._attending.values(), timeout=5)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=2)

    async def _attend(self, work: RunWork) -> None:
        run = work.run
        try:
            if self.stopping or not await self._claim(work):
                return
            work.log.write("info", "run.claimed", job=run.job, attempt=run.attempt, trigger=run.trigger)
            await self._finish(work, await self._ending(work))
        except StoreError as error:  # it could not be claimed: it stays due
            work.log.write("error", "run.unclaimed", error=error.to_dict())
            await asyncio.sleep(1)
        finally:
            self._works.pop(run.id, None)
            self._attending.pop(run.id, None)

    async def _claim(self, work: RunWork) -> bool:
        now, fingerprint = work.clock.now(), work.settings.fingerprint()
        return await work.write(
            lambda c: runs.claim(c, work.run.id, self.owner, now, "waiting", settings_fingerprint=fingerprint)
        )

    async def _ending(self, work: RunWork) -> Ending:
        """Do the run; every way in which it can end, an exception too, is returned as an ending."""
        try:
            work.settings = with_options(work.settings, work.run.options)
            await self._wait(work)
            await work.write(lambda c: runs.move(c, work.run.id, "running", work.clock.now()))
            ending = await STEPS[work.run.job].work(work)
        except asyncio.CancelledError:
            return Ending("cancelled", self._stop_cause)
        except NightdeskError as error:
            ending = Ending("failed", error.code, error.to_dict())
        except Exception as error:  # noqa: BLE001 -- a run's fault must not take the desk with it
            work.log.fault("run.fault", error)
            exhausted = exhaustion(error)
            fault: dict[str, object] = {"message": f"{type(error).__name__}: {error}"}
            ending = (
                Ending("failed", exhausted.code, exhausted.to_dict())
                if exhausted
                else Ending("failed", "desk.fault", fault)
            )
        if self.stopping and ending.state in ("failed", "partial", "timed_out"):
            return Ending("cancelled", self._stop_cause, ending.detail)
        return ending

    @property
    def _stop_cause(self) -> str:
        return "interrupted" if self.alone else SHUTDOWN

    async def _wait(self, work: RunWork) -> None:
        if self.stopping:  # while the run was being claimed
            raise asyncio.CancelledError
        work.progress = replace(work.progress, waiting=True)
        if not self.alone:
            await STEPS[work.run.job].wait(work)
        work.progress = replace(work.progress, waiting=False)

    async def _finish(self, work: RunWork, ending: Ending) -> None:
        """Record the end; while the database cannot be written, keep trying until the desk stops or loses it.

        An end that the database will never take (a detail that is not JSON) becomes a failure that it does take: a
        run without an end would block its job, and all that wait for it, for ever.
        """
        for attempt in count():
            try:
                await asyncio.shield(asyncio.to_thread(self._write_end, work, ending))
            except NightdeskError as error:
                if self.stopping or error.code in (CLOSED, *FATAL):
                    return  # the next start finds the run without an owner and retries it
                if attempt % LOG_EVERY == 0:
                    work.log.write("error", "run.unrecorded", error=error.to_dict())
            except Exception as error:  # noqa: BLE001 -- whatever it is, the run must end
                work.log.fault("run.unrecorded", error)
                if self.stopping or attempt >= GIVE_UP_AFTER:
                    return
                message = f"Its end ({ending.state}) could not be recorded: {type(error).__name__}"
                ending = Ending("failed", "desk.fault", {"message": message})
            else:
                _log_end(work, ending)
                return
            await asyncio.sleep(1)

    def _write_end(self, work: RunWork, ending: Ending) -> None:
        work.database.write(partial(self._record_end, work=work, ending=ending))

    def _record_end(self, c: Connection, work: RunWork, ending: Ending) -> None:
        run, now = work.run, work.clock.now()
        follower = runs.finish(
            c,
            run.id,
            ending.state,
            now,
            cause=ending.cause,
            detail=ending.detail,
            attempts=1 if self.alone else work.settings.limits.attempts,
            transient=ending.cause in TRANSIENT,
            retry_delay=TRANSIENT.get(ending.cause or "", timedelta(0)) * run.attempt,
        )
        for observation in exhaustions(ending.cause):
            alerts.observe(c, observation, self.context.settings, now)
        self._observe_end(c, run.id, follower)

    def _observe_end(self, c: Connection, run_id: int, follower: Run | None) -> None:
        """Let the alert engine see the end of a run, unless the run is retried."""
        ended = runs.get(c, run_id)
        if ended is None or (follower is not None and follower.trigger == "retry"):
            return
        if observation := run_ended(ended):
            alerts.observe(c, observation, self.context.settings, self.context.clock.now())


def _log_end(work: RunWork, ending: Ending) -> None:
    level = "info" if ending.state in ("succeeded", "skipped") else "error"
    work.log.write(level, "run.ended", job=work.run.job, state=ending.state, cause=ending.cause, detail=ending.detail)
