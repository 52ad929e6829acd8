"""Overfitting: how often the best configuration of one half of history is below the median in the other half."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, NoReturn

import numpy as np

from config.errors import NightdeskError
from evaluation.metrics.formulas import Array, UndefinedError

BLOCKS = 16
# How many splits are computed at once, so that memory does not grow with their number.
_CHUNK = 1024


@dataclass(frozen=True)
class Overfitting:
    """How often selecting the best Sharpe ratio fails, over every way to split history into two halves of blocks."""

    probability: float  # in [0, 1]: the share of splits in which the selected one is below the median of the other half
    loss: float  # in [0, 1]: the share of splits in which the selected one loses in the other half
    rank: float  # in [0, 1]: the mean rank of the selected one in the other half, 1 being the best
    configurations: int
    splits: int
    blocks: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def overfitting(returns: Array, blocks: int = BLOCKS) -> Overfitting:
    """The probability of backtest overfitting by combinatorially symmetric cross-validation (Bailey et al. 2017).

    `returns` has a row for each bar and a column for each configuration. History is cut into `blocks` of equal length
    (the oldest bars that are left over are not used); in every half of the blocks the best Sharpe ratio is
    selected once, and ranked in the other half: w = rank / (N + 1), and overfit is logit(w) <= 0.
    """
    values = _checked(returns, blocks)
    sums, squares = _block_sums(values, blocks)
    halves = np.array(list(combinations(range(blocks), blocks // 2)))
    inside = np.zeros((len(halves), blocks))
    np.put_along_axis(inside, halves, 1.0, axis=1)
    bars = len(values) // blocks * (blocks // 2)
    chunks = [_split(half, sums, squares, bars) for half in np.array_split(inside, -(-len(inside) // _CHUNK))]
    ranks, sharpes = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
    count = values.shape[1]
    return Overfitting(
        probability=float(np.mean(ranks / (count + 1) <= 0.5)),
        loss=float(np.mean(sharpes < 0.0)),
        rank=float(np.mean((ranks - 1) / (count - 1))),
        configurations=count,
        splits=len(halves),
        blocks=blocks,
    )


def _checked(returns: Array, blocks: int) -> Array:
    values = np.asarray(returns, dtype=np.float64)
    if blocks < 2 or blocks % 2:
        _fail(f"The number of blocks is {blocks}.", "Give an even number, so that history has two halves.")
    if values.ndim != 2 or not np.isfinite(values).all():
        _fail(
            f"The returns, of shape {values.shape}, are not a table of finite numbers.", "Give bars x configurations."
        )
    if values.shape[1] < 2:
        _fail(f"There is {values.shape[1]} configuration to choose from.", "Give at least two columns.")
    if len(values) < 2 * blocks:
        raise UndefinedError("too_short")
    return values


def _fail(problem: str, cure: str) -> NoReturn:
    raise NightdeskError("overfitting.invalid", problem, cure)


def _block_sums(values: Array, blocks: int) -> tuple[Array, Array]:
    """Sums of the returns of each block, and of their squares; of columns scaled to a deviation of one."""
    spread = np.std(values, axis=0)
    if np.any(spread <= 1e-10 * np.max(np.abs(values), axis=0)):
        raise UndefinedError("zero_variance")
    scaled = values[len(values) % blocks :] / spread
    cut = scaled.reshape(blocks, -1, values.shape[1])
    return cut.sum(axis=1), (cut**2).sum(axis=1)


def _split(inside: Array, sums: Array, squares: Array, bars: int) -> tuple[Array, Array]:
    """The rank of the selected configuration in the other half of each split (a row of ones and zeros), and its Sharpe.

    The rank is 1 for the worst; ties have the mean of their ranks. A configuration without any trade in a half
    has a ratio of zero.
    """

    def sharpes(half: Array) -> Array:
        mean = half @ sums / bars
        variance = half @ squares / bars - mean**2
        moved = variance > 1e-12
        return np.divide(mean, np.sqrt(variance, where=moved, out=np.ones_like(mean)), where=moved, out=0.0 * mean)

    best = np.argmax(sharpes(inside), axis=1)
    other = sharpes(1.0 - inside)
    own = np.take_along_axis(other, best[:, None], axis=1)
    ranks = (other < own).sum(axis=1) + 0.5 * ((other == own).sum(axis=1) + 1.0)
    return ranks, own[:, 0]
