"""Replication: whether a copy trades when, as much, on which outcome and at which prices its trader does.

It need not be right bar by bar: what is compared are the distributions of all trades, by the distance L1, the sum of
the absolute differences of their shares, from 0 (equal) to 2 (nothing in common). The score is what the mean distance
leaves of 100, which is equality.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.imitation.decisions import HOLD, SIDES, Codes, Mask
from evaluation.metrics.formulas import Array

BINS = 10


@dataclass(frozen=True)
class Distribution:
    """One distribution of the trader's and of the copy's trades, as shares by bin, and how far they are apart.

    The distance is None, with a reason, where one of them does not trade.
    """

    bins: tuple[str, ...]
    actual: tuple[float, ...]
    copied: tuple[float, ...]
    distance: float | None
    reason: str | None = None


@dataclass(frozen=True)
class Replication:
    """The four distributions, and the score; None with a reason where one of them has no distance."""

    timing: Distribution
    size: Distribution
    outcome: Distribution
    price: Distribution
    score: float | None
    reason: str | None


def replication(actual: Codes, copied: Codes, elapsed: Array, price: Array) -> Replication:
    """Compare the trades of both on the same bars, of which `elapsed` and the `price` of Up are known."""
    tenths = tuple(f"{10 * number}-{10 * (number + 1)} %" for number in range(BINS))
    cents = tuple(f"{number / BINS:.1f}-{(number + 1) / BINS:.1f}" for number in range(BINS))
    trades = actual != HOLD, copied != HOLD
    sides = [(SIDES[codes[codes != HOLD]] < 0).astype(np.int64) for codes in (actual, copied)]
    timing = _compared(tenths, [_binned(elapsed)[traded] for traded in trades])
    size = _compared(("hold", "moderate", "strong"), [np.abs(codes - HOLD) for codes in (actual, copied)])
    outcome = _compared(("up", "down"), sides)
    paid = _compared(
        cents, [_paid(codes, price, traded) for codes, traded in zip((actual, copied), trades, strict=True)]
    )
    distances = [part.distance for part in (timing, size, outcome, paid) if part.distance is not None]
    if len(distances) < 4:
        return Replication(timing, size, outcome, paid, None, "no_trades")
    return Replication(timing, size, outcome, paid, 100.0 * (1.0 - float(np.mean(distances)) / 2.0), None)


def _binned(shares: Array) -> NDArray[np.int64]:
    return np.minimum((shares * BINS).astype(np.int64), BINS - 1)


def _paid(codes: Codes, price: Array, traded: Mask) -> NDArray[np.int64]:
    """The bin of the price of the outcome that is traded towards."""
    return _binned(np.where(SIDES[codes] > 0, price, 1.0 - price))[traded]


def _compared(bins: tuple[str, ...], places: list[NDArray[np.int64]]) -> Distribution:
    shares = [np.bincount(each, minlength=len(bins)) / max(len(each), 1) for each in places]
    one, other = (tuple(float(share) for share in each) for each in shares)
    if not all(len(each) for each in places):
        return Distribution(bins, one, other, None, "no_trades")
    return Distribution(bins, one, other, float(np.abs(shares[0] - shares[1]).sum()))
