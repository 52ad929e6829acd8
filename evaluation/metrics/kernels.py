"""Compiled kernels of the formulas: each takes one pass over the returns, without a copy.

Where the order of products or sums is free (`_ANY_ORDER`), the compiler vectorises loops over positions from zero. Sums
are taken in blocks, which numpy then adds pairwise, so that they are as exact as numpy's own.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
_ANY_ORDER = {"reassoc", "nsz"}
_BLOCK = 1024


@njit(cache=True, fastmath=_ANY_ORDER)
def growth(returns: Array) -> float:
    """The growth of one unit of money: prod(1 + r)."""
    wealth = 1.0
    for bar in range(returns.size):
        wealth *= 1.0 + returns[bar]
    return wealth


def sum_of_squares(values: Array, centre: float, ceiling: float = math.inf) -> float:
    """The sum of min(v - centre, ceiling)^2; a ceiling of 0 leaves what is below the centre."""
    return float(_squares(values, centre, ceiling).sum())


@njit(cache=True, fastmath=_ANY_ORDER)
def _squares(values: Array, centre: float, ceiling: float) -> Array:
    blocks = np.zeros(values.size // _BLOCK + 1)
    for block in range(blocks.size):
        part = values[block * _BLOCK : (block + 1) * _BLOCK]
        total = 0.0
        for i in range(part.size):
            off = min(part[i] - centre, ceiling)
            total += off * off
        blocks[block] = total
    return blocks


@njit(cache=True)
def depth(returns: Array) -> float:
    """The lowest account value as a fraction of its running peak; the start is the first peak.

    Both halves are computed in the same loop for speed, the second as if it began anew. Then they are joined: the peak
    of a bar in the second half is that of its own half or of the first, whichever is higher. NaN if wealth overflows.
    """
    half = returns.size // 2
    wealth = peak = 1.0
    later = summit = bottom = 1.0
    lowest = 1.0
    for bar in range(returns.size - half):
        if bar < half:
            wealth *= 1.0 + returns[bar]
            peak = max(peak, wealth)
            if wealth < lowest * peak:
                lowest = wealth / peak
        later *= 1.0 + returns[half + bar]
        summit = max(summit, later)
        bottom = min(bottom, later)
        if later < lowest * summit:
            lowest = later / summit
    if not (math.isfinite(peak) and math.isfinite(wealth * summit) and math.isfinite(later)):
        return math.nan
    return min(lowest, wealth * bottom / peak)


class Falls(NamedTuple):
    """The deepest drawdown, from the peak at `start` (-1: the beginning) to the `trough`, and back at that peak at
    `recovery` (-1: not yet); their number, and the sum of the lowest shares of each.
    """

    start: int
    trough: int
    recovery: int
    number: int
    depths: float


@njit(cache=True)
def falls(returns: Array) -> Falls:
    """Statistics of all drawdowns, each from a peak until the account reaches that peak again."""
    wealth = peak = 1.0
    lowest = deepest = 1.0  # of the drawdown under way, and of all
    top = start = trough = recovery = -1
    count, depths = 0, 0.0
    for bar in range(returns.size):
        wealth *= 1.0 + returns[bar]
        if wealth < peak:
            share = wealth / peak
            lowest = min(lowest, share)
            if share < deepest:
                deepest, start, trough, recovery = share, top, bar, -1
            continue
        if lowest < 1.0:
            count, depths, lowest = count + 1, depths + lowest, 1.0
            if recovery < 0:
                recovery = bar
        peak, top = wealth, bar
    if lowest < 1.0:
        count, depths = count + 1, depths + lowest
    return Falls(start, trough, recovery, count, depths)
