"""Statistics of the last n values, each window on its own; NaN where a window is not full of numbers.

Running sums carry the rounding of every value they ever met, and one wild value spoils all that come after it. Here a
result is a function of its window alone. That costs nothing: windows lie side by side in vector registers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]

_BLOCK = 1024  # windows worked on together, few enough for the nearest cache


def ratio(numerator: Floats, denominator: Floats, otherwise: float = 0.0) -> Floats:
    """`numerator / denominator`, and `otherwise` where the denominator is 0; NaN stays NaN."""
    unknown = np.isnan(numerator) | np.isnan(denominator)
    filled = np.where(unknown, np.nan, otherwise)
    return np.divide(numerator, denominator, out=filled, where=(denominator != 0.0) & ~unknown)


def mean(values: Floats, n: int) -> Floats:
    """The mean of the last n values."""
    return values + _centres(values, n)


def variance(values: Floats, n: int) -> Floats:
    """sum (x - mean)^2 / (n - 1); exactly 0 where nothing changes."""
    return _power_sums(values, _centres(values, n), n, 2) / (n - 1)


def deviation(values: Floats, n: int) -> Floats:
    """The standard deviation, with n - 1."""
    return np.sqrt(variance(values, n))


def score(values: Floats, n: int) -> Floats:
    """How many standard deviations (n - 1) each value lies above the mean of its window; 0 where nothing changes."""
    centres = _centres(values, n)
    return ratio(-centres, np.sqrt(_power_sums(values, centres, n, 2) / (n - 1)))


def skewness(values: Floats, n: int) -> Floats:
    """The third standardised moment, unbiased (G1); 0 where nothing changes."""
    centres = _centres(values, n)
    spread = np.sqrt(_power_sums(values, centres, n, 2) / (n - 1))
    return n / ((n - 1) * (n - 2)) * ratio(_power_sums(values, centres, n, 3), spread**3)


def kurtosis(values: Floats, n: int) -> Floats:
    """The fourth standardised moment in excess of a normal's, unbiased (G2); 0 where nothing changes."""
    centres = _centres(values, n)
    square = (_power_sums(values, centres, n, 2) / (n - 1)) ** 2
    normal = 3.0 * (n - 1) ** 2 / ((n - 2) * (n - 3))
    scale = n * (n + 1) / ((n - 1) * (n - 2) * (n - 3))
    return ratio(scale * _power_sums(values, centres, n, 4), square, otherwise=normal) - normal


def quantile(values: Floats, n: int, q: float) -> Floats:
    """The value below which a share `q` of the last n lies, between neighbours in a straight line."""
    first = int(np.argmax(~np.isnan(values))) if len(values) else 0
    return np.concatenate([np.full(first, np.nan), _quantiles(values[first:], n, q * (n - 1))])


@njit(cache=True)
def _centres(values: Floats, n: int) -> Floats:
    """The mean of each full window, measured from its last value: exactly 0 where the window is flat."""
    out = np.full(len(values), np.nan)
    for begin in range(n - 1, len(values), _BLOCK):
        end = min(begin + _BLOCK, len(values))
        last, total = values[begin:end], np.zeros(end - begin)
        for back in range(1, n):
            past = values[begin - back : end - back]
            for i in range(end - begin):
                total[i] += past[i] - last[i]
        out[begin:end] = total / n
    return out


@njit(cache=True)
def _power_sums(values: Floats, centres: Floats, n: int, power: int) -> Floats:
    """The sum of (x - mean) ** power over each full window."""
    out = np.full(len(values), np.nan)
    for begin in range(n - 1, len(values), _BLOCK):
        end = min(begin + _BLOCK, len(values))
        last, centre, total = values[begin:end], centres[begin:end], np.zeros(end - begin)
        for back in range(n):
            past = values[begin - back : end - back]
            for i in range(end - begin):
                distance = (past[i] - last[i]) - centre[i]
                square = distance * distance
                if power == 2:
                    total[i] += square
                elif power == 3:
                    total[i] += square * distance
                else:
                    total[i] += square * square
        out[begin:end] = total
    return out


@njit(cache=True)
def _quantiles(values: Floats, n: int, rank: float) -> Floats:
    """The value at `rank` (0 to n - 1) of each sorted window, between two neighbours where rank is no whole number."""
    out = np.full(len(values), np.nan)
    ordered = np.sort(values[:n])
    below = int(rank)
    above, part = min(below + 1, n - 1), rank - below
    for t in range(n - 1, len(values)):
        if t >= n:
            at, new = np.searchsorted(ordered, values[t - n]), values[t]
            while at > 0 and ordered[at - 1] > new:
                ordered[at] = ordered[at - 1]
                at -= 1
            while at < n - 1 and ordered[at + 1] < new:
                ordered[at] = ordered[at + 1]
                at += 1
            ordered[at] = new
        out[t] = ordered[below] + part * (ordered[above] - ordered[below])
    return out
