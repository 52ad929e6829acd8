"""Hyperparameter trials: what a search tried, and what came of it; each is an attempt that a verdict must count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, select, update

from daemon.domain.tasks import Document
from daemon.store.rows import all_as, insert_once
from daemon.store.tables import trials

TrialState = Literal["running", "complete", "pruned", "failed"]
# Trials that were measured, to their end or until they were seen to lead nowhere.
MEASURED: tuple[TrialState, ...] = ("complete", "pruned")


@dataclass(frozen=True, kw_only=True)
class NewTrial:
    """A trial that begins: the params that a study tries, under its number there."""

    run_id: int | None
    subject: str
    model_type: str
    study: str
    number: int
    params: Document
    dataset: str
    started_at: datetime


@dataclass(frozen=True, kw_only=True)
class Trial(NewTrial):
    """A recorded trial; `intermediate` are the values by step that it reported on its way."""

    id: int
    state: TrialState
    value: float | None
    intermediate: dict[int, float]
    finished_at: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "intermediate", {int(step): value for step, value in self.intermediate.items()})


def add(c: Connection, trial: NewTrial) -> Trial | None:
    """Record a trial that begins; None if its study has one of that number."""
    key = ("subject", "model_type", "study", "number")
    trial_id = insert_once(c, trials, key, **vars(trial), state="running", intermediate={})
    return None if trial_id is None else all_as(c, Trial, select(trials).where(trials.c.id == trial_id))[0]


def finish(
    c: Connection,
    trial_id: int,
    state: TrialState,
    now: datetime,
    *,
    value: float | None = None,
    intermediate: Mapping[int, float] | None = None,
) -> bool:
    """End a trial with its value, if it has one; False if it had ended before."""
    if state == "running":
        raise ValueError("running is not an end of a trial")
    if state == "complete" and value is None:
        raise ValueError("a complete trial has a value")
    running = update(trials).where(trials.c.id == trial_id, trials.c.state == "running")
    steps = {str(step): reported for step, reported in sorted((intermediate or {}).items())}
    ended = c.execute(running.values(state=state, value=value, intermediate=steps, finished_at=now))
    return ended.rowcount == 1


def of(c: Connection, subject: str, model_type: str, study: str | None = None) -> list[Trial]:
    """The trials of a subject and model type, of one study or all, in the order they were recorded."""
    query = select(trials).where(trials.c.subject == subject, trials.c.model_type == model_type)
    if study is not None:
        query = query.where(trials.c.study == study)
    return all_as(c, Trial, query.order_by(trials.c.id))
