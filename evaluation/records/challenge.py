"""Challenge: whether another recipe is surely better than the one that serves."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtr

from evaluation.metrics.formulas import Array
from evaluation.records.skill import RecordReturns


def superiority(challenger: RecordReturns, champion: RecordReturns) -> float:
    """The p-value of the challenger's record being no better than the champion's on the same bars.

    The mean difference, paired bar by bar, must be above zero in the returns beyond cash and also in the active returns
    over each one's exposure-matched hold: else a recipe that merely holds more of a rising market would win. The larger
    of the two p-values counts; 1 where there is none.
    """
    plain = challenger.excess - champion.excess
    active = plain - (challenger.position.mean() - champion.position.mean()) * challenger.market
    return max(_above_zero(plain), _above_zero(active))


def _above_zero(differences: Array) -> float:
    if differences.size < 3:
        return 1.0
    error = float(np.std(differences, ddof=1)) / np.sqrt(differences.size)
    if error <= 1e-15:
        return 1.0
    return float(1.0 - stdtr(differences.size - 1, float(np.mean(differences)) / error))
