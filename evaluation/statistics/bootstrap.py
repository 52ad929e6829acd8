"""Bootstrap: confidence intervals of metrics of returns that depend on each other.

Blocks of the returns, of random length, are put together into resampled histories of the same length (the stationary
bootstrap of Politis and Romano 1994), which keeps the dependence within a block. Each history gives the metric with its
own standard error, and the interval comes from the ratio of deviation to error (studentised, Ledoit and Wolf 2008). For
one year of daily returns such intervals have nearly their stated coverage; plain percentile intervals do not.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evaluation.metrics.formulas import (
    TAIL_MINIMUM,
    Array,
    Reason,
    UndefinedError,
    computed_or_reason,
    max_drawdown,
    sharpe_ratio,
)
from evaluation.statistics.resampling import resampled_growths, resampled_sharpes, standard_error

RESAMPLES = 2000
LEVEL = 0.9
# If more histories than this share have no variance, there are too few active bars to measure.
_DEGENERATE = 0.01


@dataclass(frozen=True)
class Interval:
    """An estimate and the bounds of its confidence interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Intervals:
    """Confidence intervals of the Sharpe ratio (annualised) and the total return (percent) at `level`.

    `max_drawdown` (percent) is a prediction interval: of the maximum drawdown of as many further bars.
    """

    sharpe_ratio: Interval | None
    total_return: Interval | None
    max_drawdown: Interval | None
    level: float
    resamples: int
    reasons: dict[str, Reason]  # why one of them is None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True)
class SharpeDifference:
    """The difference of two annualised Sharpe ratios, with its interval and the confidence that it is positive."""

    difference: float
    low: float
    high: float
    confidence: float  # in [0, 1], that the true difference is above zero
    level: float
    resamples: int
    block_length: float  # the mean length of a block, in bars

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def block_length(values: Array) -> float:
    """The optimal mean block length for the mean of `values` (Politis and White 2004, Patton's correction 2009).

    (2 G^2 / D)^(1/3) n^(1/3), with G = sum lambda(k / M) |k| R(k) and D = 2 (sum lambda(k / M) R(k))^2 over all lags k,
    R the autocovariance, lambda one up to a half and falling from there to zero at one, and M twice the first lag after
    which five correlations in a row are insignificant.
    """
    n = values.size
    centred = values - np.mean(values)
    lags = math.ceil(math.sqrt(n)) + 5
    covariance = np.array([centred[lag:] @ centred[: n - lag] for lag in range(lags + 1)])
    squares = np.concatenate([[0.0], np.cumsum(centred**2)])
    after = np.arange(1, lags + 2)
    scale = np.sqrt((squares[-1] - squares[after]) * squares[n - after])
    insignificant = np.abs(covariance) < 2.0 * math.sqrt(math.log10(n) / n) * scale
    quiet = np.lib.stride_tricks.sliding_window_view(insignificant[:-1], 5).all(axis=1)
    last = min(2 * max(int(np.argmax(quiet)), 1), lags) if quiet.any() else lags
    lag = np.arange(1, last + 1)
    weighted = np.minimum(1.0, 2.0 * (1.0 - lag / last)) * covariance[lag]
    slope, spread = 2.0 * float(lag @ weighted), covariance[0] + 2.0 * float(np.sum(weighted))
    longest = math.ceil(min(3.0 * math.sqrt(n), n / 3.0))
    return float(np.clip(np.cbrt(n * (slope / spread) ** 2), 1.0, longest)) if spread != 0.0 else float(longest)


def sharpe_difference(
    ours: Array,
    rival: Array | None,
    *,
    periods_per_year: float | None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> SharpeDifference:
    """The Sharpe ratio of `ours` minus that of `rival` on the same bars, or minus zero (cash) without a rival.

    Both are resampled by the same blocks, so that common movements do not widen the interval.
    """
    if periods_per_year is None:
        raise UndefinedError("unknown_period")
    _enough(ours)
    difference = sharpe_ratio(ours, 1.0) - (sharpe_ratio(rival, 1.0) if rival is not None else 0.0)
    influence = _influence(ours) - (_influence(rival) if rival is not None else 0.0)
    length = block_length(influence)
    error = _error(influence, length)
    other_returns = rival if rival is not None else np.empty(0)
    ratios = _ratios(
        difference, *resampled_sharpes(np.random.default_rng(seed), ours, other_returns, length, resamples)
    )
    low, high = _bounds(difference, error, ratios, level)
    by_year = math.sqrt(periods_per_year)
    return SharpeDifference(
        difference=difference * by_year,
        low=low * by_year,
        high=high * by_year,
        confidence=float(np.count_nonzero(ratios < difference / error)) / (ratios.size + 1),
        level=level,
        resamples=resamples,
        block_length=length,
    )


def intervals(
    returns: Array,
    *,
    periods_per_year: float | None,
    interest: float = 0.0,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Intervals:
    """Confidence intervals from `returns`; the same seed gives the same bounds.

    The Sharpe ratio is of the returns in excess of `interest`, the return of cash in a bar.
    """

    def sharpe() -> tuple[Interval, ...]:
        estimate = sharpe_difference(
            returns - interest, None, periods_per_year=periods_per_year, level=level, resamples=resamples, seed=seed
        )
        return (Interval(estimate.difference, estimate.low, estimate.high),)

    values, reasons = computed_or_reason(
        {"sharpe_ratio": sharpe, "growth": lambda: _growth(returns, level, resamples, seed)}
    )
    (ratio,), (total, depth) = values["sharpe_ratio"] or (None,), values["growth"] or (None, None)
    sources = {"sharpe_ratio": "sharpe_ratio", "total_return": "growth", "max_drawdown": "growth"}
    return Intervals(
        sharpe_ratio=ratio,
        total_return=total,
        max_drawdown=depth,
        level=level,
        resamples=resamples,
        reasons={name: reasons[source] for name, source in sources.items() if source in reasons},
    )


def _growth(returns: Array, level: float, resamples: int, seed: int) -> tuple[Interval, ...]:
    """The intervals of the total return and of future drawdowns, both computed from log returns."""
    _enough(returns)
    if np.min(returns) <= -1.0:
        raise UndefinedError("ruined")
    growths = np.log1p(returns)
    mean = float(np.mean(growths))
    length = block_length(growths)
    error = _error(growths - mean, length)
    means, errors, depths = resampled_growths(np.random.default_rng(seed), growths, length, error, resamples)
    low, high = _bounds(mean, error, _ratios(mean, means, errors), level)
    with np.errstate(over="ignore"):
        totals = 100.0 * np.expm1(returns.size * np.array([mean, low, high]))
    if not np.isfinite(totals).all():
        raise UndefinedError("too_large")
    worst, best = 100.0 * np.expm1(_quantiles(depths, level))
    return Interval(*map(float, totals)), Interval(max_drawdown(returns), float(worst), float(best))


def _enough(returns: Array) -> None:
    if returns.size < TAIL_MINIMUM:
        raise UndefinedError("too_short")


def _influence(returns: Array) -> Array:
    """The influence of each return on the Sharpe ratio S: z - S (z^2 - 1) / 2, z being its standard score."""
    sharpe = sharpe_ratio(returns, 1.0)
    scores = (returns - np.mean(returns)) / np.std(returns, ddof=1)
    return np.asarray(scores - 0.5 * sharpe * (scores**2 - 1.0))


def _error(influence: Array, length: float) -> float:
    error = standard_error(influence, length)
    if error <= 1e-10 * float(np.max(np.abs(influence))):
        raise UndefinedError("zero_variance")
    return error


def _ratios(estimate: float, figures: Array, errors: Array) -> Array:
    """The studentised deviation of every history whose error is not zero."""
    defined = errors > 0.0
    if np.count_nonzero(defined) < (1.0 - _DEGENERATE) * defined.size:
        raise UndefinedError("zero_variance")
    return np.asarray((figures[defined] - estimate) / errors[defined])


def _quantiles(values: Array, level: float) -> Array:
    """The quantiles of `values` that enclose the middle `level`, by ranks k / (count + 1)."""
    return np.quantile(values, [0.5 - 0.5 * level, 0.5 + 0.5 * level], method="weibull")


def _bounds(estimate: float, error: float, ratios: Array, level: float) -> tuple[float, float]:
    low, high = _quantiles(ratios, level)
    return estimate - float(high) * error, estimate - float(low) * error
