"""Challenge: whether another recipe is surely better than the one that serves."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtr

from evaluation.metrics.formulas import Array
from evaluation.records.skill import LEAST_BARS, RecordReturns
from evaluation.records.standing import RUN


def superiority(challenger: RecordReturns, champion: RecordReturns) -> float:
    """The p-value of the challenger's record being no better than the champion's on the same bars.

    The mean difference, paired bar by bar, must be above zero in the returns beyond cash and also in the active returns
    over each one's exposure-matched hold: else a recipe that merely holds more of a rising market would win. It must
    be so at each of the last `RUN` bars, since it is asked night after night. The largest p-value counts; 1 where
    there is none.
    """
    bars = len(challenger)
    return max(_no_better(challenger, champion, length) for length in range(max(bars - RUN + 1, 0), bars + 1))


def _no_better(challenger: RecordReturns, champion: RecordReturns, length: int) -> float:
    plain = challenger.excess[:length] - champion.excess[:length]
    exposure = np.mean(challenger.position[:length]) - np.mean(champion.position[:length]) if length else 0.0
    return max(_above_zero(plain), _above_zero(plain - exposure * challenger.market[:length]))


def _above_zero(differences: Array) -> float:
    if differences.size < LEAST_BARS:
        return 1.0
    error = float(np.std(differences, ddof=1)) / np.sqrt(differences.size)
    if error <= 1e-15:
        return 1.0
    return float(1.0 - stdtr(differences.size - 1, float(np.mean(differences)) / error))
