"""Tests by market: whether a copy is more accurate than another rule, bars of one market not being independent.

The difference of two accuracies over all bars is D = sum d_m / sum n_m, where one is right on d_m more of the n_m bars
of market m. Its error is that of a ratio of sums over markets, from the residuals d_m - D n_m, and the test a one-sided
t-test with a degree of freedom less than there are markets. What cannot be computed has a p-value of 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from evaluation.imitation.figures import LEAST_MARKETS
from evaluation.metrics.formulas import Array
from evaluation.records.standing import RUN

_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class MarketTests:
    """The p-values of the last prefixes of markets, the longest last: of being no more accurate, and no less."""

    better: Array
    worse: Array


def market_tests(more_right: Array, bars: Array, prefixes: int = RUN) -> MarketTests:
    """Test the last prefixes: by market, in time order, on how many of its bars one is right more often than the other.

    Prefixes that do not exist, or have too few markets, have p-values of 1.
    """
    lengths: Array = np.arange(len(bars) - prefixes + 1, len(bars) + 1, dtype=np.float64)
    enough = lengths >= LEAST_MARKETS
    better, worse = np.ones(prefixes), np.ones(prefixes)
    if enough.any():
        t, degrees = _t_values(more_right, bars, lengths[enough])
        better[enough], worse[enough] = _above(t, degrees), _above(-t, degrees)
    return MarketTests(better, worse)


def _t_values(d: Array, n: Array, lengths: Array) -> tuple[Array, Array]:
    rows = lengths.astype(np.int64) - 1
    sums = {
        name: np.cumsum(values)[rows]
        for name, values in (("d", d), ("n", n), ("dd", d * d), ("dn", d * n), ("nn", n * n))
    }
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums["d"] / sums["n"]
        squares = sums["dd"] - 2.0 * mean * sums["dn"] + mean**2 * sums["nn"]
        squares = np.where(squares > _ROUNDING * np.maximum(sums["dd"], 1.0), squares, np.nan)
        error = np.sqrt(squares * lengths / (lengths - 1.0)) / sums["n"]
        return mean / error, lengths - 1.0


def _above(t: Array, degrees: Array) -> Array:
    p = 1.0 - stdtr(degrees, t)
    return np.where(np.isnan(p), 1.0, p)
