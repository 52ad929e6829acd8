"""The no-trade band: a target that moves a little is not worth the costs of following it."""

from __future__ import annotations

import numpy as np
from numba import njit

from evaluation.accounting.ledger import Array


@njit(cache=True)
def outside_band(targets: Array, band: float) -> Array:
    """Each target, or the one before it while it is on the same side and differs by no more than `band`.

    Going flat, and turning around, are always followed. Each depends on no later target.
    """
    followed = np.empty_like(targets)
    last = 0.0
    for t in range(targets.size):
        same_side = np.sign(targets[t]) == np.sign(last)
        if not (same_side and abs(targets[t] - last) <= band):
            last = targets[t]
        followed[t] = last
    return followed
