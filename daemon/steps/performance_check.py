"""performance_check: earnings, drift, accuracy, over the evaluation and over what was said; breaches raise alerts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daemon.alerts.rules import performance_observations
from daemon.executors.base import Outcome
from daemon.steps.base import Ending, Plan, RunWork, ending_of
from daemon.store import alerts, measurements, models, signals
from daemon.store.measurements import Basis
from daemon.store.models import Version
from daemon.targets import Target, targets

METRICS = (
    "sharpe_ratio",
    "max_drawdown",
    "action_psi",
    "side_psi",
    "drifted_features",
    "accuracy",
    "calibration_error",
)


async def check_performance(work: RunWork) -> Ending:
    """Measure every champion on both bases, record it, and let the alert engine see it."""
    watched = set(targets(work.settings, work.home))
    champions = [
        champion
        for champion in await work.read(models.champions)
        if Target(champion.subject, champion.model_type) in watched
    ]
    if not champions:
        return Ending(
            "skipped", "performance.no_champion", {"message": "No model serves, so there is none to measure."}
        )
    plans = {champion.id: await _plans(work, champion) for champion in champions}
    outcomes = await work.do_all(plan for both in plans.values() for plan in both)
    for champion in champions:
        await _measure(work, champion, [outcomes[plan] for plan in plans[champion.id]])
    return ending_of(outcomes)


async def _plans(work: RunWork, champion: Version) -> list[Plan]:
    """Its conduct, and what was earned with the signals of its place, its forerunners' too, if any were published."""
    said = await work.read(lambda c: signals.history(c, champion.subject, champion.model_type))
    heard = [signal for signal in reversed(said) if signal.provenance == champion.provenance]  # as they were said
    about = (champion.subject, champion.model_type)
    own = [
        {"bar_time": signal.bar_time.isoformat(), "position": signal.position, "confidence": signal.confidence}
        for signal in heard
        if signal.version_id == champion.id
    ]
    side = {"version": champion.version, "manifest_sha256": champion.manifest_sha256}
    conduct = Plan("conduct", {**side, "signals": own}, *about)
    if not heard:
        return [conduct]
    published = [
        {
            "bar_time": signal.bar_time.isoformat(),
            "published_at": signal.published_at.isoformat(),
            "position": signal.position,
        }
        for signal in heard
    ]
    return [conduct, Plan("live_performance", {"version": champion.version, "signals": published}, *about)]


async def _measure(work: RunWork, champion: Version, outcomes: list[Outcome]) -> None:
    evaluated = await work.read(lambda c: models.latest_evaluation(c, champion.id))
    conduct, *earned = [outcome.value or {} for outcome in outcomes]
    bases: dict[Basis, dict[str, Any]] = {
        "evaluation": _together(evaluated.metrics if evaluated is not None else {}, conduct.get("evaluation", {}))
    }
    if any(earned):
        live = earned[0]["metrics"] | {"reasons": earned[0]["reasons"]}
        bases["live"] = _together(live, conduct.get("live", {}))
    now, monitoring = work.clock.now(), work.settings.monitoring

    def change(c: Any) -> None:
        for basis, metrics in bases.items():
            for metric in METRICS:
                value = metrics.get(metric)
                reason = None if value is not None else metrics["reasons"].get(metric, "not_measured")
                new = measurements.NewMeasurement(
                    run_id=work.run.id,
                    subject=champion.subject,
                    model_type=champion.model_type,
                    version_id=champion.id,
                    metric=metric,
                    basis=basis,
                    value=value,
                    reason=reason,
                    measured_at=now,
                )
                measurements.add(c, new)
        for observation in performance_observations(champion, bases, monitoring):
            alerts.observe(c, observation, work.settings, now)

    await work.write(change)


def _together(earned: Mapping[str, Any], conduct: Mapping[str, Any]) -> dict[str, Any]:
    return {**earned, **conduct, "reasons": {**earned.get("reasons", {}), **conduct.get("reasons", {})}}
