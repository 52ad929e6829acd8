"""The timetable: writes every occurrence of every job into the ledger, once, when its time has come."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from config.settings import JOBS, JobName, JobSchedule
from daemon.domain import schedule
from daemon.domain.exhaustion import MEMORY, exhaustion
from daemon.domain.runs import MissedCause
from daemon.store import jobs, runs
from daemon.store.faults import DISK_FULL, StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from daemon.context import DeskContext


# What the faults of the database mean for an occurrence.
_CAUSES: dict[str, MissedCause] = {
    DISK_FULL: "disk.full",
    "store.disk_error": "disk.failed",
    "home.read_only": "disk.failed",
    "store.corrupt": "disk.failed",
}


class Timetable:
    """Turns schedules into `due` rows; each occurrence is recorded once."""

    def __init__(self, context: DeskContext) -> None:
        self.context = context
        self._next: dict[JobName, datetime | None] = {}
        self._last_look: datetime | None = None
        # When this desk could record what is due for the last time, and what has kept it from that since.
        self._recorded_until = context.clock.now()
        self._hindrance: MissedCause | None = None

    def clear(self) -> None:
        """The settings or the pauses have changed: work out anew what comes next."""
        self._next.clear()

    def next_runs(self) -> dict[JobName, datetime | None]:
        """When each job starts next by its own time; None for one that follows another or is paused."""
        now = self.context.clock.now()
        paused = self.context.database.read(jobs.paused)
        return {
            job: None if job in paused or not (timed := self._timed(job)) else self._upcoming(timed, now)
            for job in JOBS
        }

    def record_due(self) -> bool:
        """Record every occurrence whose time has come; returns whether something was recorded."""
        now = self.context.clock.now()
        try:
            if self._last_look is None or now < self._last_look:  # set back: what it promised when ahead is void
                self.context.database.write(lambda c: runs.delete_false_misses(c, now))
                self.clear()
            self._last_look = now
            recorded = [self._record(job, now) for job in JOBS if self._may_be_due(job, now)]
        except Exception as error:
            self._hindrance = self._hindrance or _cause(error)
            raise
        self._hindrance, self._recorded_until = None, now
        return any(recorded)

    def _missed_cause(self, occurrence: datetime) -> MissedCause:
        """Why this occurrence was missed: since the last that was recorded, by what kept the desk from it."""
        return self._hindrance if self._hindrance and occurrence > self._recorded_until else "desk.down"

    def _timed(self, job: JobName) -> JobSchedule | None:
        timing = self.context.settings.job_schedule(job)
        return timing if timing.enabled and timing.timed else None

    def _upcoming(self, timed: JobSchedule, now: datetime) -> datetime | None:
        return schedule.next_occurrence(timed, self.context.settings.time_zone, now)

    def _may_be_due(self, job: JobName, now: datetime) -> bool:
        if job not in self._next:
            return True
        upcoming = self._next[job]
        return upcoming is not None and now >= upcoming

    def _record(self, job: JobName, now: datetime) -> bool:
        timed = self._timed(job)
        if timed is None:
            self.context.database.write(lambda c: jobs.delete_state(c, job))
            self._next[job] = None
            return False
        settings = self.context.settings

        def change(c: Connection) -> bool:
            state = jobs.state_of(c, job, now)
            if state.paused:
                return False
            last = max(filter(None, (state.changed_at, runs.last_scheduled(c, job, now))))
            plan = schedule.plan(timed, settings.time_zone, last, now)
            for missed in plan.missed:
                runs.record(
                    c, job, missed, now=now, trigger="schedule", state="missed", cause=self._missed_cause(missed)
                )
            if plan.run is None:
                return bool(plan.missed)
            overlap = runs.overlaps(c, job)
            chain = _not_paused(c, settings.downstream_jobs(job))
            recorded = runs.record(
                c,
                job,
                plan.run,
                now=now,
                trigger="catch_up" if plan.missed else "schedule",
                state="skipped" if overlap else "due",
                cause="overlap" if overlap else None,
                chain=chain,
            )
            if overlap and recorded and chain and not _is_coming(c, job, chain[0]):
                follower, *rest = chain  # they wait for the run that is at work, and are not lost with this one
                runs.request(c, follower, now=now, trigger="chain", chain=rest, parent_id=recorded.id)
            return True

        recorded = self.context.database.write(change)
        self._next[job] = self._upcoming(timed, now)  # only now: an occurrence that was not kept is still owed
        return recorded


def _cause(error: Exception) -> MissedCause:
    if isinstance(error, StoreError):
        return _CAUSES.get(error.code, "store.unreachable")
    exhausted = exhaustion(error)
    return "exhausted.memory" if exhausted is not None and exhausted.code == MEMORY else "desk.fault"


def _is_coming(c: Connection, job: JobName, follower: JobName) -> bool:
    """Whether `follower` will still run after the runs of `job` that are recorded: once is enough for all of them."""
    return any(
        (run.job == job and follower in run.chain) or (run.job == follower and run.state in ("due", "waiting"))
        for run in runs.pending(c)
    )


def _not_paused(c: Connection, downstream_jobs: tuple[JobName, ...]) -> tuple[JobName, ...]:
    """Those that a person has not paused."""
    paused = jobs.paused(c)
    return tuple(job for job in downstream_jobs if job not in paused)
