"""performance_check: earnings, drift and accuracy, of the evaluation and of published signals; breaches alert.

What is measured here are also the reasons for which models are retrained besides the schedule.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from daemon.alerts.rules import performance_observations
from daemon.domain.metrics import Metrics, MonitoredMetrics
from daemon.domain.targets import Target, targets
from daemon.domain.tasks import VersionRef
from daemon.jobs.base import Ending, Outcomes, Plan, RunWork, ending_of
from daemon.jobs.performance_check.messages import (
    LivePerformanceRequest,
    LivePerformanceResult,
    MonitorRequest,
    MonitorResult,
)
from daemon.jobs.published import published
from daemon.jobs.records.step import record_ref
from daemon.jobs.retraining import start_retraining
from daemon.jobs.serving import record_of
from daemon.store import alerts, evaluations, measurements, signals, versions
from daemon.store.measurements import Basis
from daemon.store.versions import Version
from data_pipeline.provenance import Provenance

if TYPE_CHECKING:
    from sqlalchemy import Connection

NOT_MEASURED = Metrics(values={})
METRICS = (
    "sharpe_ratio",
    "max_drawdown",
    "action_psi",
    "side_psi",
    "drifted_features",
    "accuracy",
    "calibration_error",
    "strength",
)
# What is measured of some alone: by how much a copy of a trader copies more than simple rules, and by how much the
# least useful member of a model raises its Sharpe ratio.
METRICS_OF_SOME = ("gain", "member_gain")


async def check_performance(work: RunWork) -> Ending:
    """Measure every champion on both bases, record it, and let the alert engine see it."""
    watched = set(targets(work.settings, work.home))
    champions = [
        champion
        for champion in await work.read(versions.champions)
        if Target(champion.subject, champion.model_type) in watched
    ]
    if not champions:
        return Ending(
            "skipped", "performance.no_champion", {"message": "No model serves, so there is none to measure."}
        )
    trained_last = await work.read(versions.newest)
    plans = [
        await _plans(work, champion, trained_last.get((champion.subject, champion.model_type), champion))
        for champion in champions
    ]
    outcomes = await work.do_all(plan for pair in plans for plan in (pair.monitor, pair.live) if plan is not None)
    for pair in plans:
        await _record(work, pair.champion, await _metrics(work, pair, outcomes))
        if (monitored := outcomes[pair.monitor].value) is not None:
            await work.write(partial(_record_regimes, work=work, newest=pair.newest, regimes=monitored.regimes))
    ending = ending_of(outcomes)
    retraining = await start_retraining(work)
    ending.detail.update({"retraining": retraining} if retraining else {})
    return ending


@dataclass(frozen=True)
class Plans:
    """What is measured of one champion, and the version of its place that was trained last.

    `live` is None where no signals of its place were published.
    """

    champion: Version
    newest: Version
    monitor: Plan[MonitorResult]
    live: Plan[LivePerformanceResult] | None


async def _plans(work: RunWork, champion: Version, newest: Version) -> Plans:
    """The signals of its place count as live, those of other recipes too; those of its own recipe are monitored."""
    history = await work.read(lambda c: signals.history(c, champion.subject, champion.model_type))
    provenance = Provenance.parse(champion.provenance)
    oldest_first = [
        signal for signal in reversed(history) if Provenance.parse(signal.provenance).comparable(provenance)
    ]
    row = await work.read(partial(record_of, version=champion))
    record = await work.read(partial(record_ref, row=row)) if row is not None else None
    own = tuple(published(signal) for signal in oldest_first if signal.version_id == champion.id)
    monitor = MonitorRequest(
        subject=champion.subject,
        model_type=champion.model_type,
        version=VersionRef(name=champion.version, manifest_sha256=champion.manifest_sha256),
        record=record,
        signals=record.published if record is not None else own,
        trained_until=newest.train_end,
    )
    live = LivePerformanceRequest(
        subject=champion.subject,
        model_type=champion.model_type,
        version=champion.version,
        signals=tuple(map(published, oldest_first)),
    )
    return Plans(champion, newest, Plan(monitor), Plan(live) if oldest_first else None)


async def _metrics(work: RunWork, plans: Plans, outcomes: Outcomes) -> dict[Basis, MonitoredMetrics]:
    """The metrics of a champion on each basis that it has: the record of its recipe, and its published signals."""
    evaluated = await work.read(partial(_of_record, champion=plans.champion))
    monitored = outcomes[plans.monitor].value
    bases: dict[Basis, MonitoredMetrics] = {"evaluation": _join(evaluated, monitored.evaluation if monitored else None)}
    if plans.live is not None and (earned := outcomes[plans.live].value) is not None:
        bases["live"] = _join(earned.metrics, monitored.live if monitored else None)
    return bases


def _of_record(c: Connection, champion: Version) -> Metrics:
    """Those of the record as it is tonight; of a champion without one those of its latest evaluation."""
    row = record_of(c, champion)
    if row is not None and row.facts is not None:
        return Metrics.model_validate(row.facts["metrics"], strict=False)
    latest = evaluations.latest(c, champion.id)
    return Metrics.of(latest.metrics) if latest is not None else NOT_MEASURED


def _join(earned: Metrics, monitored: MonitoredMetrics | None) -> MonitoredMetrics:
    if monitored is None:
        return MonitoredMetrics(values=earned.values, reasons=earned.reasons)
    return MonitoredMetrics(
        values={**earned.values, **monitored.values},
        reasons={**earned.reasons, **monitored.reasons},
        by_chance=monitored.by_chance,
    )


def _record_regimes(c: Connection, work: RunWork, newest: Version, regimes: Metrics) -> None:
    """The regimes of the market now and when the newest version was trained, as measurements of that version."""
    for metric in regimes.values:
        value = regimes.number(metric)
        new = measurements.NewMeasurement(
            run_id=work.run.id,
            subject=newest.subject,
            model_type=newest.model_type,
            version_id=newest.id,
            metric=metric,
            basis="evaluation",
            value=value,
            reason=None if value is not None else regimes.reasons.get(metric, "not_measured"),
            measured_at=work.clock.now(),
        )
        measurements.add(c, new)


async def _record(work: RunWork, champion: Version, bases: dict[Basis, MonitoredMetrics]) -> None:
    now = work.clock.now()

    def change(c: Connection) -> None:
        for basis, metrics in bases.items():
            for metric in (*METRICS, *(name for name in METRICS_OF_SOME if name in metrics.values)):
                value = metrics.number(metric)
                new = measurements.NewMeasurement(
                    run_id=work.run.id,
                    subject=champion.subject,
                    model_type=champion.model_type,
                    version_id=champion.id,
                    metric=metric,
                    basis=basis,
                    value=value,
                    reason=None if value is not None else metrics.reasons.get(metric, "not_measured"),
                    measured_at=now,
                )
                measurements.add(c, new)
        record = record_of(c, champion)
        standing = record.standing if record is not None else "unproven"
        unfinished = (record.folds - record.missing, record.folds) if record is not None and record.missing else None
        observations = performance_observations(
            champion, standing, bases, work.settings.monitoring, unfinished=unfinished
        )
        for observation in observations:
            alerts.observe(c, observation, work.settings, now)

    await work.write(change)
