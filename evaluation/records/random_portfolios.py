"""Random portfolios: what a record of several symbols earns against the same weights at other times."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evaluation.metrics.formulas import Array


def as_good_portfolios(  # noqa: PLR0917 -- as the kernels of single symbols take them
    rng: np.random.Generator, target: Array, gap: Array, session: Array, cost: float, draws: int
) -> int:
    """Of so many random portfolios, how many earn at least what `target` (bars x symbols) earns.

    The runs of equal weights keep their weights and their order; their lengths are permuted among runs on the same side
    (the sum of weights long, flat or short), and the whole is turned around by a random number of bars. For one symbol
    these are the random traders of one symbol.
    """
    changed = np.ones(len(target), dtype=bool)
    changed[1:] = (np.diff(target, axis=0) != 0.0).any(axis=1)
    starts = np.flatnonzero(changed)
    lengths = np.diff(starts, append=len(target))
    weights = np.ascontiguousarray(target[starts])
    arrays = (weights, lengths, np.ascontiguousarray(gap), np.ascontiguousarray(session))
    return int(_as_good(rng, *arrays, cost, draws))


@njit(cache=True)
def _earned(  # noqa: PLR0917 -- a kernel takes its arguments by position
    weights: Array, runs: NDArray[np.int64], first: int, gap: Array, session: Array, cost: float
) -> float:
    """The sum of returns of the runs, by row, read as a circle from `first` on; filled at the next open."""
    n, total, row = runs.size, 0.0, first
    held, before = np.zeros(gap.shape[1]), np.zeros(gap.shape[1])
    for t in range(n):
        for i in range(held.size):
            total += before[i] * gap[t, i] + held[i] * session[t, i] - cost * abs(held[i] - before[i])
            before[i] = held[i]
            held[i] = weights[runs[row], i]
        row = row + 1 if row + 1 < n else 0
    return total


@njit(cache=True)
def _rows(lengths: NDArray[np.int64], into: NDArray[np.int64]) -> None:
    row = 0
    for run in range(lengths.size):
        for _bar in range(lengths[run]):
            into[row] = run
            row += 1


@njit(cache=True)
def _as_good(  # noqa: PLR0917 -- a kernel takes its arguments by position
    rng: Any,
    weights: Array,
    lengths: NDArray[np.int64],
    gap: Array,
    session: Array,
    cost: float,
    draws: int,
) -> int:
    runs = np.empty(gap.shape[0], dtype=np.int64)
    _rows(lengths, runs)
    record = _earned(weights, runs, 0, gap, session, cost)
    sides = np.sign(weights.sum(axis=1))
    order = np.argsort(sides, kind="mergesort")
    drawn, as_good = lengths.copy(), 0
    for _ in range(draws):
        begin = 0
        while begin < order.size:
            end = begin
            while end < order.size and sides[order[end]] == sides[order[begin]]:
                end += 1
            for place in range(end - 1, begin, -1):
                other = begin + int(rng.random() * (place - begin + 1))
                one, two = order[place], order[other]
                drawn[one], drawn[two] = drawn[two], drawn[one]
            begin = end
        _rows(drawn, runs)
        if _earned(weights, runs, int(rng.random() * runs.size), gap, session, cost) >= record:
            as_good += 1
    return as_good
