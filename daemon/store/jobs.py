"""Since when a job is scheduled, and whether a person has paused it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from config.settings import JobName
from daemon.store.rows import all_as, upsert
from daemon.store.tables import job_states


@dataclass(frozen=True)
class JobState:
    """Whether a job is paused, since when, and who changed it."""

    job: JobName
    paused: bool
    changed_at: datetime
    changed_by: str


def state_of(c: Connection, job: JobName, now: datetime) -> JobState:
    """The state of `job`, which begins when it is first asked for; nothing before `changed_at` is owed.

    A beginning after `now` was written by a clock that ran ahead; it must not keep the schedule still until then.
    """
    state = states(c).get(job)
    if state is None or state.changed_at > now:
        _change(c, job, state is not None and state.paused, now, state.changed_by if state else "schedule")
        return states(c)[job]
    return state


def delete_state(c: Connection, job: JobName) -> None:
    """Delete the state of a job that lost its schedule; a later schedule begins anew and owes nothing."""
    c.execute(delete(job_states).where(job_states.c.job == job, job_states.c.paused.is_(False)))


def set_paused(c: Connection, job: JobName, paused: bool, now: datetime, author: str) -> None:
    """Pause the schedule of this job, or resume it from now on."""
    state = states(c).get(job)
    if state is None or state.paused != paused:
        _change(c, job, paused, now, author)


def _change(c: Connection, job: JobName, paused: bool, now: datetime, author: str) -> None:
    changes = {"paused": paused, "changed_at": now, "changed_by": author}
    statement = upsert(c, job_states).values(job=job, **changes)
    c.execute(statement.on_conflict_do_update(index_elements=["job"], set_=changes))


def states(c: Connection) -> dict[JobName, JobState]:
    """The state of every recorded job."""
    return {state.job: state for state in all_as(c, JobState, select(job_states))}


def paused(c: Connection) -> frozenset[JobName]:
    """The jobs that the schedule may not start now."""
    return frozenset(job for job, state in states(c).items() if state.paused)
