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
    if len(values) < n:
        return np.full(len(values), np.nan)
    unknown = np.isnan(values)
    rankable = np.where(unknown, np.inf, values)  # NaN has no rank, and could not be located when it leaves the window
    ranked = _full(_ranked(rankable, np.sort(rankable[:n]), q * (n - 1)), n)
    unknowns = np.cumsum(unknown)
    unknowns[n:] -= unknowns[:-n].copy()
    return np.where(unknowns > 0, np.nan, ranked)


def _centres(values: Floats, n: int) -> Floats:
    """The mean of each full window, measured from its last value: exactly 0 where the window is flat."""
    return _full(_distances(values, n), n) / n


def _power_sums(values: Floats, centres: Floats, n: int, power: int) -> Floats:
    """The sum of (x - mean) ** power over each full window."""
    return _full(_powers(values, centres, n, power), n)


def _full(results: Floats, n: int) -> Floats:
    results[: n - 1] = np.nan
    return results


# The kernels keep to loops and slices: with numpy's functions inside they would compile for seconds on a new machine.


@njit(cache=True)
def _distances(values: Floats, n: int) -> Floats:
    """The sum of x - x_t over each full window."""
    out = np.zeros(len(values))
    for begin in range(n - 1, len(values), _BLOCK):
        end = min(begin + _BLOCK, len(values))
        last, total = values[begin:end], out[begin:end]
        for back in range(1, n):
            past = values[begin - back : end - back]
            for i in range(end - begin):
                total[i] += past[i] - last[i]
    return out


@njit(cache=True)
def _powers(values: Floats, centres: Floats, n: int, power: int) -> Floats:
    """The sum of (x - x_t - centre) ** power over each full window; `power` is 2, 3 or 4."""
    out = np.zeros(len(values))
    for begin in range(n - 1, len(values), _BLOCK):
        end = min(begin + _BLOCK, len(values))
        last, centre, total = values[begin:end], centres[begin:end], out[begin:end]
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
    return out


@njit(cache=True)
def _ranked(values: Floats, ordered: Floats, rank: float) -> Floats:
    """The value at `rank` of each sorted window, between two neighbours for a broken rank; `ordered` is the first."""
    n, out = len(ordered), np.zeros(len(values))
    below = int(rank)
    above, part = min(below + 1, n - 1), rank - below
    for t in range(n - 1, len(values)):
        if t >= n:
            at, old, new = 0, values[t - n], values[t]
            while ordered[at] < old:
                at += 1
            while at > 0 and ordered[at - 1] > new:
                ordered[at] = ordered[at - 1]
                at -= 1
            while at < n - 1 and ordered[at + 1] < new:
                ordered[at] = ordered[at + 1]
                at += 1
            ordered[at] = new
        out[t] = ordered[below] + part * (ordered[above] - ordered[below])
    return out
