"""backtest: let a strategy decide on stored bars, record its decisions, and say what they earned."""

from __future__ import annotations

from typing import Any

from config.errors import UsageError
from daemon.jobs.backtest.messages import BacktestRequest, BacktestResult
from daemon.jobs.base import Ending, Plan, RunWork, ending_of
from daemon.store import decisions


async def backtest_strategy(work: RunWork) -> Ending:
    """One task a symbol; the decisions of each are recorded whole, in the place of those of an earlier backtest."""
    order = work.run.options.backtest
    if order is None:
        raise UsageError(
            "backtest.none",
            "No backtest was asked for.",
            "Start it as `nightdesk backtest --strategy-path baseline_v1 --symbol AAPL`; it takes dates, too.",
        )
    plans = [
        Plan(BacktestRequest(symbol=symbol, strategy=order.strategy, start=order.start, end=order.end))
        for symbol in order.symbols
    ]
    outcomes = await work.do_all(plans)
    ending = ending_of(outcomes)
    done: dict[str, object] = {}
    for plan, result in outcomes.results(plans):
        await _record(work, order.name, plan.request.target.subject, result)
        done[plan.request.target.subject] = result.summary()
    ending.detail.update({"strategy": order.name, "policy": _has_policy(order.strategy), "backtests": done})
    return ending


def _has_policy(strategy: Any) -> bool:
    """Whether a strategy asks a policy, which learned from the past."""
    ensemble = strategy.get("ensemble")
    policy = ensemble.get("rl_policy") if isinstance(ensemble, dict) else None
    return isinstance(policy, dict) and policy.get("enabled") is True


async def _record(work: RunWork, strategy: str, symbol: str, result: BacktestResult) -> None:
    rows = [
        decisions.NewDecision(
            run_id=work.run.id,
            strategy=strategy,
            symbol=symbol,
            interval=result.interval,
            time=row.time,
            action=row.action,
            strength=row.strength,
            probability_up=row.probability_up,
            position=row.position,
            reward=row.reward,
            price=row.price,
            provenance=result.provenance,
            votes={name: list(vote) if vote else None for name, vote in row.votes.items()},
        )
        for row in result.decisions
    ]
    await work.write(lambda c: decisions.replace(c, rows))
