"""Tests of skill on a record: four questions that luck, the market and the number of trades must not answer.

All are one-sided, after costs, on the same bars:

`cash`      mean return beyond cash: plain t-test.
`exposure`  mean active return x - e m over the exposure-matched hold, which holds the record's mean exposure e of the
            market m all the time: plain t-test. A difference of Sharpe ratios in its place would pass 17 % of worthless
            long/short traders.
`alpha`     the intercept of the regression x = a + b m. `exposure` alone pays for following volatility where the drift
            grows with it, `alpha` alone where it does not: a record needs both.
`random`    random traders of the same turnover, whose holding periods are those of the record, permuted.

The p-value of skill is the largest of the four. What cannot be computed counts against the record: its p-value is 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import stdtr

from evaluation.accounting.backtest import Backtest
from evaluation.metrics.formulas import Array
from evaluation.records.random_portfolios import as_good_portfolios

# A year of daily bars; of fewer bars a t-test with fat tails says little.
LEAST_BARS = 252
# A variance below this share of the second moment is rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class RecordReturns:
    """The returns of a record, a bar each; `target`, `gap` and `session` of a portfolio have a column a symbol.

    Args:
        excess: what it earned after costs, beyond what cash earned.
        market: what buying and holding earned, beyond what cash earned.
        position: the weight held at each close.
        target: the weight decided at each close, filled at the next open.
        gap: the market's return from the close before to the open.
        session: its return from the open to the close.
        cost: of changing the position by the whole account.
    """

    excess: Array
    market: Array
    position: Array
    target: Array
    gap: Array
    session: Array
    cost: float

    def __len__(self) -> int:
        return self.excess.size

    @classmethod
    def of(cls, result: Backtest, target: Array, opens: Array, closes: Array) -> RecordReturns:
        """The returns of a backtest of `target` over bars with these prices."""
        before = np.concatenate([opens[:1], closes[:-1]])
        return cls(
            excess=result.excess.to_numpy(),
            market=result.benchmark.to_numpy() - result.interest,
            position=result.positions.to_numpy(),
            target=np.asarray(target, dtype=np.float64),
            gap=opens / before - 1.0,
            session=closes / opens - 1.0,
            cost=result.costs.commission + result.costs.slippage,
        )


@dataclass(frozen=True, eq=False)
class SkillTests:
    """The p-values of a record's prefixes, the longest last. `worse` tests the opposite: worse than cash and than e m.

    `random` is 1 where the other three did not pass at the level asked for, so that it was not worth drawing.
    """

    cash: Array
    exposure: Array
    alpha: Array
    random: Array
    worse: Array

    @property
    def skill(self) -> Array:
        """The largest of the four."""
        largest: Array = np.maximum.reduce([self.cash, self.exposure, self.alpha, self.random])
        return largest


def skill_tests(
    returns: RecordReturns, *, prefixes: int, least: int, level: float, draws: int, seed: int
) -> SkillTests:
    """Test the last `prefixes` prefixes of a record, those of fewer than `least` bars with p-values of 1.

    Random traders, `draws` of them for each prefix, are drawn where the other three p-values are at most `level`.
    """
    lengths = np.arange(len(returns) - prefixes + 1, len(returns) + 1)
    long_enough = lengths >= max(least, 3)
    ones = np.ones(prefixes)
    cash, exposure, alpha, worse = ones.copy(), ones.copy(), ones.copy(), ones.copy()
    if long_enough.any():
        tests = _t_tests(returns, lengths[long_enough])
        cash[long_enough], exposure[long_enough], alpha[long_enough], worse[long_enough] = tests
    random = ones.copy()
    for place in np.flatnonzero(np.maximum.reduce([cash, exposure, alpha]) <= level):
        random[place] = random_traders(returns, int(lengths[place]), draws=draws, seed=seed)
    return SkillTests(cash, exposure, alpha, random, worse)


def _t_tests(returns: RecordReturns, lengths: NDArray[np.int64]) -> tuple[Array, Array, Array, Array]:
    """The p-values of better than cash, better than e m, alpha above zero, and worse than both cash and e m."""
    x, m = returns.excess, returns.market
    rows = lengths - 1
    n = lengths.astype(np.float64)

    def mean(values: Array) -> Array:
        means: Array = np.cumsum(values)[rows] / n
        return means

    x_mean, m_mean, exposure = mean(x), mean(m), mean(returns.position)
    x_square, m_square = mean(x * x), mean(m * m)
    x_variance = _variance(x_square, x_mean)
    m_variance = _variance(m_square, m_mean)
    covariance = mean(x * m) - x_mean * m_mean

    cash = _t(x_mean, np.sqrt(x_variance / (n - 1.0)))
    active_variance = _positive(
        x_variance - 2.0 * exposure * covariance + exposure**2 * m_variance, x_square + exposure**2 * m_square
    )
    active = _t(x_mean - exposure * m_mean, np.sqrt(active_variance / (n - 1.0)))
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = covariance / m_variance
        residual = _positive(x_variance - slope * covariance, x_square) * n / (n - 2.0)
        alpha = _t(x_mean - slope * m_mean, np.sqrt(residual * (1.0 + m_mean**2 / m_variance) / n))
    return (
        _above(cash, n - 1.0),
        _above(active, n - 1.0),
        _above(alpha, n - 2.0),
        np.maximum(_above(-cash, n - 1.0), _above(-active, n - 1.0)),
    )


def _variance(square: Array, mean: Array) -> Array:
    return _positive(square - mean**2, square)


def _positive(variance: Array, scale: Array) -> Array:
    """The variance, or NaN where it is nothing but rounding."""
    return np.where(variance > _ROUNDING * scale, variance, np.nan)


def _t(mean: Array, error: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return mean / error


def _above(t: Array, degrees: Array) -> Array:
    """How likely a t-value at least as high is by chance; 1 where there is none."""
    p = 1.0 - stdtr(degrees, t)
    return np.where(np.isnan(p), 1.0, p)


def random_traders(returns: RecordReturns, length: int, *, draws: int, seed: int) -> float:
    """How often a random trader of the same turnover earns as much on the first `length` bars.

    The record's runs of equal targets keep their weights and their order; their lengths are permuted among runs on the
    same side (long, flat, short) and the whole is turned around by a random number of bars, so that it trades as often
    and is exposed as much. (1 + as good) / (1 + draws).
    """
    target = returns.target[:length]
    if target.ndim > 1:
        rng = np.random.default_rng([seed, length])
        good = as_good_portfolios(rng, target, returns.gap[:length], returns.session[:length], returns.cost, draws)
        return float((1 + good) / (1 + draws))
    starts = np.flatnonzero(np.diff(target, prepend=np.nan) != 0.0)
    runs = np.diff(starts, append=length)
    gap, session = returns.gap[:length], returns.session[:length]
    rng = np.random.default_rng([seed, length])
    as_good = _as_good(rng, target, target[starts], runs, gap, session, returns.cost, draws)
    return float((1 + as_good) / (1 + draws))


@njit(cache=True)
def _earned(target: Array, first: int, gap: Array, session: Array, cost: float) -> float:
    """The sum of returns of `target` read as a circle from `first` on, each decision filled at the next open."""
    n = target.size
    held = before = total = 0.0
    row = first
    for t in range(n):
        total += before * gap[t] + held * session[t] - cost * abs(held - before)
        before, held = held, target[row]
        row = row + 1 if row + 1 < n else 0
    return total


@njit(cache=True)
def _as_good(  # noqa: PLR0917 -- a kernel takes its arguments by position
    rng: Any,
    target: Array,
    weights: Array,
    runs: NDArray[np.int64],
    gap: Array,
    session: Array,
    cost: float,
    draws: int,
) -> int:
    """Of so many random traders, how many earn at least what `target` earns."""
    record = _earned(target, 0, gap, session, cost)
    lengths, drawn = runs.copy(), np.empty(target.size)
    order = np.argsort(np.sign(weights), kind="mergesort")
    as_good = 0
    for _ in range(draws):
        begin = 0
        while begin < order.size:
            side = np.sign(weights[order[begin]])
            end = begin
            while end < order.size and np.sign(weights[order[end]]) == side:
                end += 1
            for place in range(end - 1, begin, -1):
                other = begin + int(rng.random() * (place - begin + 1))
                one, two = order[place], order[other]
                lengths[one], lengths[two] = lengths[two], lengths[one]
            begin = end
        row = 0
        for run in range(weights.size):
            for _bar in range(lengths[run]):
                drawn[row] = weights[run]
                row += 1
        if _earned(drawn, int(rng.random() * target.size), gap, session, cost) >= record:
            as_good += 1
    return as_good
