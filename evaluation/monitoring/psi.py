"""The population stability index of binned counts, its critical value, and a chi-square test of the same bins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evaluation.metrics.formulas import Array

CHANCE = 0.99  # of the samples whose distribution has not moved, the share below the critical value
FREQUENCIES = 6  # the lowest ones, whose periods are a sixth of the bars or longer


def psi(reference: Array, now: Array) -> float:
    """The population stability index of two arrays of counts; half a count in each bin keeps an empty one finite."""
    p, q = ((counts + 0.5) / (counts.sum() + 0.5 * counts.size) for counts in (reference, now))
    return float(np.sum((q - p) * np.log(q / p)))


def dependence_correction(bins: NDArray[np.intp], number: int) -> tuple[float, float]:
    """The design effect of dependent bars and the effective degrees of freedom of their chi-square statistic.

    The statistic is larger than that of independent bars by the design effect, and its tail is heavier, as of fewer
    degrees of freedom (Rao and Scott 1981, with Satterthwaite's approximation). Both come from the long-run covariance
    of the bins, which is the mean of their periodogram over the lowest `FREQUENCIES` frequencies.
    """
    inside = (bins[:, None] == np.arange(number))[:, np.unique(bins)]
    share = inside.mean(axis=0)
    waves = np.fft.rfft((inside - share) / np.sqrt(share), axis=0)[1 : FREQUENCIES + 1]
    covariance = np.real(waves.conj().T @ waves) / (max(len(waves), 1) * len(bins))
    total, squares = float(np.trace(covariance)), float(np.sum(covariance**2))
    if squares == 0.0:
        return 1.0, number - 1.0
    return max(total / (number - 1), 1.0), min(max(total**2 / squares, 1.0), number - 1.0)


def critical_psi(bins: int, degrees_of_freedom: float, n: float, m: float) -> float:
    """The PSI that two samples of n and m independent draws from one distribution exceed about once in a hundred."""
    quantile = float(special.chdtri(degrees_of_freedom, 1.0 - CHANCE))
    return quantile / degrees_of_freedom * (bins - 1) * (1.0 / n + 1.0 / m)


def chi_square_p(old: Array, new: Array, degrees_of_freedom: float) -> float:
    """The p-value of Pearson's test that two arrays of counts come from one distribution."""
    occupied = old + new > 0.0
    table = np.vstack([old[occupied], new[occupied]])
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = float(np.sum((table - expected) ** 2 / expected))
    return float(special.chdtrc(degrees_of_freedom, statistic * degrees_of_freedom / (old.size - 1)))
