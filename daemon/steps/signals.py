"""signals: publish the latest signal of every champion, each into the ledger for ever."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from daemon.condition import NO_CHAMPION
from daemon.executors.base import Outcome
from daemon.steps.base import Ending, Plan, RunWork, ending_of
from daemon.store import models, signals

if TYPE_CHECKING:
    from sqlalchemy import Connection


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
        return Ending("skipped", "signals.no_champion", dict(NO_CHAMPION))
    outcomes = await work.do_all(champions)
    published = [await _publish(work, plan, champions[plan].id, outcome) for plan, outcome in outcomes.items()]
    ending = ending_of(outcomes)
    ending.detail["published"] = sum(published)
    return ending


async def _publish(work: RunWork, plan: Plan, version_id: int, outcome: Outcome) -> bool:
    if (said := outcome.value) is None:
        return False

    def publish(c: Connection) -> bool:
        before = signals.history(c, plan.symbol, plan.model_type, limit=1)
        return signals.publish(
            c,
            run_id=work.run.id,
            symbol=plan.symbol,
            model_type=plan.model_type,
            version_id=version_id,
            bar_time=datetime.fromisoformat(said["bar_time"]),
            interval=said["interval"],
            action=action(before[0].position if before else 0.0, said["position"]),
            position=said["position"],
            confidence=said["confidence"],
            price=said["price"],
            provenance=said["provenance"],
            dataset=said["dataset"],
            published_at=work.clock.now(),
            expires_at=datetime.fromisoformat(said["expires_at"]),
        )

    return await work.write(publish)


def action(before: float, position: float) -> Literal["buy", "sell", "hold"]:
    """What a follower does now, who holds what was said `before`: a new champion may find itself elsewhere."""
    if position == before:
        return "hold"
    return "buy" if position > before else "sell"
