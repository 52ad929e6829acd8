"""Formulas: the metrics as pure functions of arrays; each raises `UndefinedError` where it is undefined.

Returns and drawdowns are in percent (-25.0 is a loss of a quarter); ratios are plain numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics import kernels

Array = NDArray[np.float64]
T = TypeVar("T")
Reason = Literal[
    "too_short",
    "too_large",
    "zero_variance",
    "no_losses",
    "no_drawdown",
    "not_recovered",
    "no_trades",
    "nothing_open",
    "no_positions",
    "no_benchmark",
    "unknown_period",
    "no_edge",
    "ruined",
]
# The fewest returns of which 5 % are at least one.
TAIL_MINIMUM = 20
# The least part of a year that is compounded to a whole one: ten lucky days are no growth of a year.
SHORTEST_YEAR = 0.25
# What rounding makes of an account that does not move, as a return of one bar.
ROUNDING = 1e-13


class UndefinedError(ValueError):
    """A metric is undefined for these inputs; the message is the code of the reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


def computed_or_reason(figures: Mapping[str, Callable[[], T]]) -> tuple[dict[str, T | None], dict[str, Reason]]:
    """Compute every figure by name; one that is undefined is None, with its reason in the second result."""
    values: dict[str, T | None] = {}
    reasons: dict[str, Reason] = {}
    for name, figure in figures.items():
        try:
            values[name] = figure()
        except UndefinedError as undefined:
            values[name], reasons[name] = None, undefined.reason
    return values, reasons


def _at_least(count: int, returns: Array) -> None:
    if returns.size < count:
        raise UndefinedError("too_short")


def _deviation(returns: Array, mean: float) -> float:
    """The sample standard deviation around their mean."""
    return math.sqrt(kernels.sum_of_squares(returns, mean) / (returns.size - 1))


def total_return(returns: Array) -> float:
    """The total return prod(1 + r) - 1, in percent."""
    _at_least(1, returns)
    return 100.0 * (float(kernels.growth(returns)) - 1.0)


def annualised_return(returns: Array, periods_per_year: float) -> float:
    """The mean return times the periods of a year, in percent."""
    _at_least(2, returns)
    return 100.0 * float(np.mean(returns)) * periods_per_year


def cagr(returns: Array, periods_per_year: float) -> float:
    """Compound annual growth: (prod(1 + r))^(periods_per_year / n) - 1, in percent.

    Undefined (`too_short`) below a quarter of a year: 63 daily bars of the New York exchange.
    """
    _at_least(max(2, math.ceil(SHORTEST_YEAR * periods_per_year)), returns)
    return 100.0 * (float(np.power(kernels.growth(returns), periods_per_year / returns.size)) - 1.0)


def volatility(returns: Array, periods_per_year: float) -> float:
    """The standard deviation of the returns, annualised as of independent returns, in percent."""
    _at_least(2, returns)
    return 100.0 * _deviation(returns, float(np.mean(returns))) * math.sqrt(periods_per_year)


def downside_deviation(returns: Array, periods_per_year: float) -> float:
    """The root mean square of the losses (gains count as zero), annualised, in percent."""
    _at_least(2, returns)
    return 100.0 * math.sqrt(kernels.sum_of_squares(returns, 0.0, 0.0) / returns.size * periods_per_year)


def sharpe_ratio(returns: Array, periods_per_year: float) -> float:
    """Mean over standard deviation of the excess returns over cash, annualised (Sharpe 1994)."""
    _at_least(2, returns)
    mean = float(np.mean(returns))
    return mean / _varying(returns, mean) * math.sqrt(periods_per_year)


def _varying(returns: Array, mean: float) -> float:
    """The standard deviation of returns that vary: rounding noise around a constant is no variance."""
    deviation = _deviation(returns, mean)
    if deviation <= 1e-10 * abs(mean) + ROUNDING:
        raise UndefinedError("zero_variance")
    return deviation


def sortino_ratio(returns: Array, periods_per_year: float) -> float:
    """Annualised return over downside deviation of the excess returns over cash (Sortino and Price 1994).

    Undefined where nothing was lost beyond rounding, and of a constant loss, whose ratio is the same whatever its size.
    """
    downside = downside_deviation(returns, periods_per_year)
    if downside <= 100.0 * ROUNDING * math.sqrt(periods_per_year):
        raise UndefinedError("no_losses")
    _varying(returns, float(np.mean(returns)))
    return annualised_return(returns, periods_per_year) / downside


def calmar_ratio(returns: Array, periods_per_year: float) -> float:
    """Compound annual growth over the depth of the deepest drawdown (Young 1991)."""
    deepest = max_drawdown(returns)
    if -deepest <= 100.0 * ROUNDING:
        raise UndefinedError("no_drawdown")
    return cagr(returns, periods_per_year) / -deepest


def omega_ratio(returns: Array) -> float:
    """The sum of the gains over the sum of the losses (Keating and Shadwick 2002, threshold zero)."""
    _at_least(2, returns)
    losses = -float(np.sum(np.minimum(returns, 0.0)))
    if losses <= ROUNDING * returns.size:
        raise UndefinedError("no_losses")
    return float(np.sum(np.maximum(returns, 0.0))) / losses


def information_ratio(returns: Array, benchmark: Array, periods_per_year: float) -> float:
    """The Sharpe ratio of the returns in excess of the benchmark."""
    return sharpe_ratio(returns - benchmark, periods_per_year)


def value_at_risk(returns: Array) -> float:
    """The return that one period in twenty falls below (linear quantile), in percent."""
    _at_least(TAIL_MINIMUM, returns)
    return 100.0 * float(np.quantile(returns, 0.05))


def conditional_value_at_risk(returns: Array) -> float:
    """The mean of the worst twentieth of the returns, in percent."""
    _at_least(TAIL_MINIMUM, returns)
    worst = int((returns.size - 1) * 0.05) + 1
    return 100.0 * float(np.mean(np.partition(returns, worst - 1)[:worst]))


def drawdowns(returns: Array) -> Array:
    """The drawdown from the running peak after each return, in percent; the start is the first peak."""
    _at_least(1, returns)
    with np.errstate(over="ignore"):
        wealth = np.cumprod(1.0 + returns)
    if not np.isfinite(wealth).all():
        raise UndefinedError("too_large")
    return 100.0 * (wealth / np.maximum(np.maximum.accumulate(wealth), 1.0) - 1.0)


def max_drawdown(returns: Array) -> float:
    """The deepest drawdown, a percentage in [-100, 0]."""
    _at_least(1, returns)
    share = kernels.depth(returns)
    if math.isnan(share):
        raise UndefinedError("too_large")
    return 100.0 * (share - 1.0)


def _falls(returns: Array) -> kernels.Falls:
    max_drawdown(returns)  # raises for the other undefined cases
    falls = kernels.falls(returns)
    if falls.number == 0:
        raise UndefinedError("no_drawdown")
    return falls


@dataclass(frozen=True)
class Drawdown:
    """The deepest drawdown by position: the peak before it (-1: the start), its trough, its end if it has one."""

    start: int
    trough: int
    recovery: int | None


def deepest_drawdown(returns: Array) -> Drawdown:
    """Where the deepest drawdown began, reached its trough, and was recovered."""
    falls = _falls(returns)
    return Drawdown(falls.start, falls.trough, falls.recovery if falls.recovery >= 0 else None)


def average_drawdown(returns: Array) -> float:
    """The mean depth of all drawdowns, each at its deepest point, in percent."""
    falls = _falls(returns)
    return 100.0 * (falls.depths / falls.number - 1.0)


def _some(trades: Array) -> Array:
    if trades.size == 0:
        raise UndefinedError("no_trades")
    return trades


def win_rate(pnl: Array) -> float:
    """The share of completed trades that earned something, in percent."""
    return 100.0 * float(np.mean(_some(pnl) > 0.0))


def profit_factor(pnl: Array) -> float:
    """What winning trades earned over what losing trades lost."""
    lost, earned = -float(np.sum(np.minimum(_some(pnl), 0.0))), float(np.sum(np.maximum(pnl, 0.0)))
    if lost <= ROUNDING * earned:
        raise UndefinedError("no_losses")
    return earned / lost


def best_trade(trade_returns: Array) -> float:
    """The best return of a completed trade, in percent."""
    return 100.0 * float(np.max(_some(trade_returns)))


def worst_trade(trade_returns: Array) -> float:
    """The worst return of a completed trade, in percent."""
    return 100.0 * float(np.min(_some(trade_returns)))


def expectancy(trade_returns: Array) -> float:
    """The mean return of a completed trade, in percent."""
    return 100.0 * float(np.mean(_some(trade_returns)))


def open_trade(trade_return: float) -> float:
    """The return so far of a trade that is not completed, in percent: it may hide a loss that no win rate shows."""
    return 100.0 * trade_return


def average_duration(bars_held: Array) -> float:
    """How many bars a completed trade was held, on average."""
    return float(np.mean(_some(bars_held)))


def turnover(traded: Array, periods_per_year: float) -> float:
    """How many times a year the worth of the account is bought or sold."""
    _at_least(2, traded)
    return float(np.mean(traded)) * periods_per_year


def exposure(positions: Array) -> float:
    """The share of bars at whose close something was held, in percent."""
    _at_least(1, positions)
    return 100.0 * float(np.mean(positions != 0.0))
