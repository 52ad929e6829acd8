"""Kernels of the bootstrap: resampled histories, their metrics and the standard errors of these."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evaluation.metrics.formulas import Array

Rows = NDArray[np.int64]
# A deviation or error below this is a rounding error.
_NOTHING = 1e-15


@njit(cache=True)
def standard_error(influence: Array, length: float) -> float:
    """The standard error of a statistic whose influence function has the values `influence` (of mean zero).

    sqrt(sum x_t^2 + 2 sum over k >= 1 of q^k x_t x_(t - k)) / n, with q = 1 - 1 / length: the weights are those of the
    variance that the stationary bootstrap itself gives.
    """
    keep = 1.0 - 1.0 / length
    before = total = 0.0
    for x in influence:
        total += x * (x + 2.0 * before)
        before = keep * (before + x)
    return math.sqrt(max(total, 0.0)) / influence.size


@njit(cache=True)
def _walk(rng: np.random.Generator, length: float, rows: Rows) -> None:
    """Fill `rows` with a resampled history: each row follows the one before, or, with probability 1 / length, any."""
    n, jump = rows.size, 1.0 / length
    places = n * length
    row = min(int(rng.random() * n), n - 1)
    for t in range(n):
        rows[t] = row
        draw = rng.random()
        following = row + 1 if row + 1 < n else 0
        other = min(int(draw * places), n - 1)  # below `jump` a draw is uniform still, and chooses the row too
        row = other if draw < jump else following


@njit(cache=True)
def _moments(values: Array, rows: Rows) -> tuple[float, float]:
    """Mean and standard deviation of the values at `rows`."""
    n = rows.size
    total = squares = 0.0
    for t in range(n):
        value = values[rows[t]]
        total += value
        squares += value * value
    mean = total / n
    return mean, math.sqrt(max(squares - mean * total, 0.0) / (n - 1))


@njit(cache=True)
def resampled_sharpes(
    rng: np.random.Generator, ours: Array, rival: Array, length: float, count: int
) -> tuple[Array, Array]:
    """In `count` histories the Sharpe ratio of `ours` minus that of `rival` (if not empty), and its standard error.

    An error of zero marks a history without variance.
    """
    n, compared = ours.size, rival.size > 0
    rows, influence = np.empty(n, np.int64), np.empty(n)
    differences, errors = np.zeros(count), np.zeros(count)
    for sample in range(count):
        _walk(rng, length, rows)
        mean, deviation = _moments(ours, rows)
        other_mean, other_deviation = _moments(rival, rows) if compared else (0.0, 1.0)
        if min(deviation, other_deviation) <= _NOTHING:
            continue
        sharpe, other_sharpe = mean / deviation, other_mean / other_deviation
        scale, other_scale = 1.0 / deviation, 1.0 / other_deviation
        for t in range(n):
            score = (ours[rows[t]] - mean) * scale
            influence[t] = score - 0.5 * sharpe * (score * score - 1.0)
        if compared:
            for t in range(n):
                score = (rival[rows[t]] - other_mean) * other_scale
                influence[t] -= score - 0.5 * other_sharpe * (score * score - 1.0)
        differences[sample], errors[sample] = sharpe - other_sharpe, standard_error(influence, length)
    return differences, errors


@njit(cache=True)
def resampled_growths(
    rng: np.random.Generator, growths: Array, length: float, error: float, count: int
) -> tuple[Array, Array, Array]:
    """Of `count` histories the mean log return, its standard error, and the maximum drawdown.

    Future returns do not have exactly the past mean (known with `error`) and deviation. So each drawdown is of a path
    whose mean and deviation are off by as much as the history before it was.
    """
    n = growths.size
    rows, influence = np.arange(n), np.empty(n)
    mean, deviation = _moments(growths, rows)
    means, errors, depths = np.empty(count), np.empty(count), np.empty(count)
    shift, stretch = 0.0, 1.0
    for sample in range(count):
        _walk(rng, length, rows)
        means[sample], spread = _moments(growths, rows)
        for t in range(n):
            influence[t] = growths[rows[t]] - means[sample]
        errors[sample] = standard_error(influence, length)
        wealth = peak = deepest = 0.0
        for t in range(n):
            wealth += mean - shift + (growths[rows[t]] - mean) * stretch
            peak = max(peak, wealth)
            deepest = min(deepest, wealth - peak)
        depths[sample] = deepest
        if min(errors[sample], spread) > _NOTHING:
            shift, stretch = (means[sample] - mean) / errors[sample] * error, deviation / spread
    return means, errors, depths
