"""Since when the schedule knows a job, and whether a person has paused it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from config.settings import JobName
from daemon.store.rows import all_as, upsert
from daemon.store.tables import job_states


@dataclass(frozen=True)
class JobState:
    """Whether a job is paused, since when it is so, and by whose wish."""

    job: JobName
    paused: bool
    changed_at: datetime
    changed_by: str


def seen(c: Connection, job: JobName, now: datetime) -> JobState:
    """The state of `job`, which begins when it is seen first; nothing before `changed_at` is owed.

    A beginning after `now` was written by a clock that ran ahead; it must not keep the schedule still until then.
    """
    found = states(c).get(job)
    if found is None or found.changed_at > now:
        _change(c, job, found is not None and found.paused, now, found.changed_by if found else "schedule")
        return states(c)[job]
    return found


def forget(c: Connection, job: JobName) -> None:
    """The settings give this job no time of its own; if they do again, it begins anew and owes nothing till then."""
    c.execute(delete(job_states).where(job_states.c.job == job, job_states.c.paused.is_(False)))


def set_paused(c: Connection, job: JobName, paused: bool, now: datetime, who: str) -> None:
    """Let the schedule start this job no more, or again from now on; nothing is new if it is so already."""
    found = states(c).get(job)
    if found is None or found.paused != paused:
        _change(c, job, paused, now, who)


def _change(c: Connection, job: JobName, paused: bool, now: datetime, who: str) -> None:
    news = {"paused": paused, "changed_at": now, "changed_by": who}
    statement = upsert(c, job_states).values(job=job, **news)
    c.execute(statement.on_conflict_do_update(index_elements=["job"], set_=news))


def states(c: Connection) -> dict[JobName, JobState]:
    """Every job that was ever seen."""
    return {state.job: state for state in all_as(c, JobState, select(job_states))}


def paused(c: Connection) -> frozenset[JobName]:
    """The jobs that the schedule may not start now."""
    return frozenset(job for job, state in states(c).items() if state.paused)
