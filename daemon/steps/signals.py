"""signals: publish the latest signal of every champion, each into the ledger for ever."""

from __future__ import annotations

from datetime import datetime

from daemon.executors.base import Outcome
from daemon.steps.base import Ending, Plan, RunWork, ending_of
from daemon.store import models, signals


async def publish_signals(work: RunWork) -> Ending:
    """One task a champion; what is already in the ledger is not said twice."""
    wanted = set(work.settings.symbols), set(work.settings.model_types)
    champions = {
        Plan(
            "signal",
            {"version": champion.version, "manifest_sha256": champion.manifest_sha256},
            champion.symbol,
            champion.model_type,
        ): champion
        for champion in await work.read(models.champions)
        if champion.symbol in wanted[0] and champion.model_type in wanted[1]
    }
    if not champions:
        return Ending(
            "skipped", "signals.no_champion", {"message": "No model has been good enough to serve, so nothing is said."}
        )
    outcomes = await work.do_all(champions)
    published = [await _publish(work, plan, champions[plan].id, outcome) for plan, outcome in outcomes.items()]
    ending = ending_of(outcomes)
    ending.detail["published"] = sum(published)
    return ending


async def _publish(work: RunWork, plan: Plan, version_id: int, outcome: Outcome) -> bool:
    if (said := outcome.value) is None:
        return False
    return await work.write(
        lambda c: signals.publish(
            c,
            run_id=work.run.id,
            symbol=plan.symbol,
            model_type=plan.model_type,
            version_id=version_id,
            bar_time=datetime.fromisoformat(said["bar_time"]),
            interval=said["interval"],
            action=said["action"],
            position=said["position"],
            confidence=said["confidence"],
            price=said["price"],
            provenance=said["provenance"],
            dataset=said["dataset"],
            published_at=work.clock.now(),
            expires_at=datetime.fromisoformat(said["expires_at"]),
        )
    )
