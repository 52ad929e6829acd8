"""performance_check: Sharpe and drawdown, over the evaluation and over what was really said; breaches raise alerts."""

from __future__ import annotations

from typing import Any

from daemon.alerts.rules import performance_observations
from daemon.executors.base import Outcome
from daemon.steps.base import Ending, Plan, RunWork, ending_of
from daemon.store import alerts, measurements, models, signals
from daemon.store.measurements import Basis
from daemon.store.models import Version

METRICS = ("sharpe_ratio", "max_drawdown")


async def check_performance(work: RunWork) -> Ending:
    """Measure every champion on both bases, record it, and let the alert engine see it."""
    champions = [
        champion
        for champion in await work.read(models.champions)
        if champion.symbol in work.settings.symbols and champion.model_type in work.settings.model_types
    ]
    if not champions:
        return Ending(
            "skipped", "performance.no_champion", {"message": "No model serves, so there is none to measure."}
        )
    plans = {await _live_plan(work, champion): champion for champion in champions}
    outcomes = await work.do_all(plan for plan in plans if plan.args["signals"])
    for plan, champion in plans.items():
        await _measure(work, champion, outcomes.get(plan))
    return ending_of(outcomes)


async def _live_plan(work: RunWork, champion: Version) -> Plan:
    said = await work.read(lambda c: signals.history(c, champion.symbol, champion.model_type))
    heard = [
        {
            "bar_time": signal.bar_time.isoformat(),
            "published_at": signal.published_at.isoformat(),
            "position": signal.position,
        }
        for signal in reversed(said)  # as they were said
        if signal.provenance == champion.provenance
    ]
    args = {"version": champion.version, "signals": heard}
    return Plan("live_performance", args, champion.symbol, champion.model_type)


async def _measure(work: RunWork, champion: Version, outcome: Outcome | None) -> None:
    evaluated = await work.read(lambda c: models.latest_evaluation(c, champion.id))
    bases: dict[Basis, Any] = {"evaluation": evaluated.metrics if evaluated is not None else {}}
    if outcome is not None and outcome.value is not None:
        bases["live"] = outcome.value["metrics"] | {"reasons": outcome.value["reasons"]}
    now, monitoring = work.clock.now(), work.settings.monitoring

    def change(c: Any) -> None:
        for basis, metrics in bases.items():
            for metric in METRICS:
                value = metrics.get(metric)
                reason = None if value is not None else metrics.get("reasons", {}).get(metric, "not_measured")
                measurements.add(
                    c,
                    run_id=work.run.id,
                    symbol=champion.symbol,
                    model_type=champion.model_type,
                    version_id=champion.id,
                    metric=metric,
                    basis=basis,
                    value=value,
                    reason=reason,
                    measured_at=now,
                )
        for observation in performance_observations(champion, bases, monitoring):
            alerts.observe(c, observation, work.settings, now)

    await work.write(change)
