"""Retrainings for a reason: what the database says of each place, and the training that is started or explained by it.

A decision and what follows from it are one transaction, and the database takes one retraining a place and newest bar:
a check that is tried again after a kill finds what it has started, and starts nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.calendars import ALWAYS
from config.names import UNIVERSE, is_trader_subject
from config.settings import JobName
from daemon.domain.options import RunOptions
from daemon.domain.retraining import (
    DIRECTION_NOW,
    DIRECTION_TRAINED,
    NIGHT,
    REGIME_NOW,
    REGIME_TRAINED,
    Decision,
    LastRetraining,
    NewestVersion,
    Place,
    decide,
)
from daemon.domain.targets import Target, targets
from daemon.store import alerts, datasets, jobs, measurements, retrainings, runs, versions
from daemon.store.retrainings import NewRetraining

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    from sqlalchemy import Connection

    from config.settings import Settings
    from daemon.domain.runs import Run
    from daemon.domain.tasks import Document
    from daemon.jobs.base import RunWork
    from daemon.store.datasets import DatasetRow

TRIGGER = "retraining"  # how runs that are started for a reason are marked
# What brings a new version to its readers.
_FOLLOWING: tuple[JobName, ...] = ("evaluation", "signals")


async def start_retraining(work: RunWork) -> Document:
    """Start one training of every place whose retraining is due, and say what was decided on each with a reason.

    A command that works without a desk starts none: nobody would do it.
    """
    if work.alone:
        return {}
    decisions, run = await work.write(lambda c: _start(c, work, work.clock.now()))
    if run is not None:
        due = [decision.place.target.label for decision in decisions if decision.due]
        work.log.write("info", "retraining.started", run=run.name, models=due)
    return {decision.place.target.label: _summary(decision, run) for decision in decisions}


async def explain_training(work: RunWork, places: Sequence[Target]) -> None:
    """Record why a training that was to come anyway is due; one that was started for a reason has its record."""
    if work.run.options.places is None:
        await work.write(lambda c: _explain(c, work, places, work.clock.now()))


async def diagnoses_of(work: RunWork) -> dict[str, list[str]]:
    """By place the reasons for this training, in words."""
    rows = await work.read(lambda c: retrainings.of_run(c, work.run))
    return {row.label: [each.message for each in row.diagnoses] for row in rows}


def _start(c: Connection, work: RunWork, now: datetime) -> tuple[list[Decision], Run | None]:
    settings, paused = work.settings, jobs.paused(c)
    decisions = decide(
        places_of(c, settings, targets(settings, work.home)),
        settings.retraining,
        now,
        recent=retrainings.count(c, now - NIGHT, now),
        paused="training" in paused,
    )
    due = [decision for decision in decisions if decision.due]
    if not due:
        return decisions, None
    run = runs.request(
        c,
        "training",
        now=now,
        trigger=TRIGGER,
        chain=[job for job in _FOLLOWING if settings.job_schedule(job).enabled and job not in paused],
        options=RunOptions(places=[decision.place.target.label for decision in due]),
    )
    for decision in due:
        _claim(c, decision, run, now, own_run=True)
    return decisions, run


def _explain(c: Connection, work: RunWork, places: Sequence[Target], now: datetime) -> None:
    described = places_of(c, work.settings, places, at_work=work.run)
    for decision in decide(described, work.settings.retraining, now, recent=None):
        if decision.due:
            _claim(c, decision, work.run, now, own_run=False)


def _claim(c: Connection, decision: Decision, run: Run, now: datetime, *, own_run: bool) -> None:
    place = decision.place
    if place.newest is None or place.data_until is None:
        raise ValueError(f"{place.target.label} has no version or no data, and is not due")
    new = NewRetraining(
        subject=place.target.subject,
        model_type=place.target.model_type,
        data_until=place.data_until,
        version_id=place.newest.id,
        diagnoses=decision.diagnoses,
        started_at=now,
        run_id=run.id,
        own_run=own_run,
    )
    if not retrainings.claim(c, new):
        raise RuntimeError(f"{place.target.label} was retrained on this data while it was being decided")


def _summary(decision: Decision, run: Run | None) -> Document:
    return {
        "reasons": [each.reason for each in decision.diagnoses],
        "run": run.name if run is not None and decision.due else None,
        "hindrance": decision.hindrance,
    }


def places_of(c: Connection, settings: Settings, pairs: Iterable[Target], *, at_work: Run | None = None) -> list[Place]:
    """What the database says of these places; `at_work` is a training that is no hindrance to itself."""
    firing = [alert for alert in alerts.open_alerts(c) if alert.state == "firing"]
    newest, last = versions.newest(c), retrainings.newest(c)
    stored = datasets.latest(c)
    trainings = [run for run in runs.pending(c) if run.job == "training" and (at_work is None or run.id != at_work.id)]
    places = []
    for target in pairs:
        version, before = newest.get((target.subject, target.model_type)), last.get((target.subject, target.model_type))
        places.append(
            Place(
                target=target,
                newest=NewestVersion(version.id, version.trained_at, version.train_end) if version else None,
                data_until=_data_until(stored, target.subject, settings),
                alerts=tuple(alert for alert in firing if alert.subject.rpartition("/")[0] == target.label),
                regime=_before_and_now(c, target, version.id, REGIME_TRAINED, REGIME_NOW) if version else None,
                direction=_before_and_now(c, target, version.id, DIRECTION_TRAINED, DIRECTION_NOW) if version else None,
                max_age=max_age(settings, target.subject),
                last=LastRetraining(before.started_at, before.data_until) if before else None,
                in_training=any(run.options.trains(target.subject, target.model_type) for run in trainings),
            )
        )
    return places


def _data_until(stored: Sequence[DatasetRow], subject: str, settings: Settings) -> datetime | None:
    """The newest bar of a subject; of a trader, of the table that the models of all traders learn from."""
    if is_trader_subject(subject):
        return max((row.last for row in stored if row.kind == "trader_table"), default=None)
    symbols = settings.symbols if subject == UNIVERSE else (subject,)
    return max((row.last for row in stored if row.kind == "bars" and row.symbol in symbols), default=None)


def _before_and_now(
    c: Connection, target: Target, version_id: int, when_trained: str, at_present: str
) -> tuple[int, int] | None:
    """A regime when this version was trained and the one now, by the newest measurements; None without one of it."""
    before, now = (
        next((row.value for row in rows if row.version_id == version_id), None)
        for metric in (when_trained, at_present)
        for rows in [measurements.history(c, target.subject, target.model_type, metric, "evaluation", limit=1)]
    )
    return None if before is None or now is None else (int(before), int(now))


def max_age(settings: Settings, subject: str) -> timedelta:
    """How old a model of this subject may become: by the calendar of its symbol, or the most demanding of many."""
    rules = settings.retraining
    if is_trader_subject(subject):
        return rules.max_age_always_open
    symbols = settings.symbols if subject == UNIVERSE else (subject,)
    open_always = any(settings.calendars.of(symbol).code == ALWAYS for symbol in symbols)
    return min(rules.max_age, rules.max_age_always_open) if open_always else rules.max_age
