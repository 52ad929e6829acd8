"""Baselines: what a model must beat before its numbers mean anything, from doing nothing to trading at random.

`buy_and_hold`  holds from the first open to the last close.
`flat`          stays in cash.
`last_action`   delays the model's decisions by one bar, which shows the worth of the newest decision. If it earns as
                much, the newest bar adds nothing; if it loses everything, the model depends on immediate fills.
`random`        a random trader with the model's turnover: its holding periods and its pauses, shuffled and begun
                at another time. Of many such draws this is the one with the median total return.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from evaluation.accounting.backtest import Backtest, Frame, Target, backtest
from evaluation.accounting.costs import DEFAULT_COSTS, Costs
from evaluation.metrics import formulas
from evaluation.metrics.formulas import Array, UndefinedError
from evaluation.signals import Signals, weights

DRAWS = 200
# How many bars are traded at once, over all draws: a bound on memory that changes no number.
AT_ONCE = 4_000_000


@dataclass(frozen=True)
class RandomBaselineRank:
    """The rank of one of the model's metrics among those of random traders, or the reason why it has none.

    Args:
        model: the model's value.
        low: the 5th percentile of the random traders.
        median: their median.
        high: their 95th percentile.
        percentile: the percentage of random traders below the model, ties counted half.
        p_value: of the hypothesis that the model is a random trader: (1 + traders at least as good) / (1 + traders).
        reason: `no_variation` where the model's positions never change, so that all random traders equal it.
    """

    model: float | None
    low: float | None = None
    median: float | None = None
    high: float | None = None
    percentile: float | None = None
    p_value: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class RandomBaseline:
    """The model among random traders with the same turnover, a Monte Carlo test of its timing."""

    draws: int
    seed: int
    total_return: RandomBaselineRank  # in percent
    sharpe_ratio: RandomBaselineRank

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Baselines:
    """The backtests to compare with a model's, by name, and its rank among random traders."""

    backtests: dict[str, Backtest]
    random_baseline: RandomBaseline


def run_baselines(
    bars: Frame,
    target: Target,
    costs: Costs = DEFAULT_COSTS,
    initial_cash: float = 100_000.0,
    periods_per_year: float | None = None,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Baselines:
    """The baselines of a model with these targets, at the same costs."""

    def run(targets: dict[str, pd.Series]) -> dict[str, Backtest]:
        return backtest(bars, targets, costs, initial_cash, periods_per_year)

    position = target.position if isinstance(target, Signals) else weights("target", target, low=-1.0)
    fixed = {
        "model": position,
        "buy_and_hold": pd.Series(1.0, index=position.index),
        "flat": pd.Series(0.0, index=position.index),
        "last_action": position.shift(1, fill_value=0.0),
    }
    tests = run(fixed)
    model = tests.pop("model")
    total_return, sharpe_ratio = _figures(run, position, draws, seed).T
    middle = int(np.argsort(total_return, kind="stable")[(draws - 1) // 2])
    tests |= run({"random": _random_draw(position, seed, middle)})
    metrics = model.metrics()
    random_baseline = RandomBaseline(
        draws, seed, _rank("total_return", metrics, total_return), _rank("sharpe_ratio", metrics, sharpe_ratio)
    )
    return Baselines(tests, random_baseline)


def _figures(
    run: Callable[[dict[str, pd.Series]], dict[str, Backtest]], position: pd.Series, draws: int, seed: int
) -> Array:
    """Total return and Sharpe ratio of each random trader; NaN where undefined."""
    step = max(1, AT_ONCE // max(len(position), 1))
    figures: list[tuple[float, float]] = []
    for first in range(0, draws, step):
        chunk = {str(draw): _random_draw(position, seed, draw) for draw in range(first, min(first + step, draws))}
        figures += [(formulas.total_return(test.returns.to_numpy()), _sharpe(test)) for test in run(chunk).values()]
    return np.array(figures)


def _sharpe(test: Backtest) -> float:
    try:
        return formulas.sharpe_ratio(test.excess.to_numpy(), test.periods_per_year or np.nan)
    except UndefinedError:
        return np.nan


def _rank(name: str, model: dict[str, Any], drawn: Array) -> RandomBaselineRank:
    value, drawn = model[name], drawn[np.isfinite(drawn)]
    if value is None:
        return RandomBaselineRank(None, reason=model["reasons"][name])
    if drawn.size == 0 or np.ptp(drawn) == 0.0:
        return RandomBaselineRank(value, reason="no_variation")
    low, median, high = np.quantile(drawn, (0.05, 0.5, 0.95))
    below, ties = np.mean(drawn < value), np.mean(drawn == value)
    return RandomBaselineRank(
        model=value,
        low=float(low),
        median=float(median),
        high=float(high),
        percentile=100.0 * float(below + ties / 2),
        p_value=float((1 + np.sum(drawn >= value)) / (1 + drawn.size)),
    )


def _random_draw(position: pd.Series, seed: int, draw: int) -> pd.Series:
    return pd.Series(shuffled(position.to_numpy(), np.random.default_rng([seed, draw])), index=position.index)


def shuffled(target: Array, rng: np.random.Generator) -> Array:
    """A random target with the turnover of `target`: its runs keep their weights and their order, not their lengths.

    The lengths are shuffled among runs of the same sign (long, flat, short), so that the bars spent on each sign stay
    the same, and the result is rotated by a random number of bars. On a circle it makes the same changes of weight;
    cut open there may be one trade more or less.
    """
    starts = np.flatnonzero(np.diff(target, prepend=np.nan) != 0.0)
    lengths = np.diff(starts, append=target.size)
    signs = np.sign(target[starts])
    for sign in np.unique(signs):
        lengths[signs == sign] = rng.permutation(lengths[signs == sign])
    return np.roll(np.repeat(target[starts], lengths), rng.integers(target.size))
