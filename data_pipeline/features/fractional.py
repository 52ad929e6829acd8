"""Fractional differencing: as much of a price's trend taken out as it takes to be stationary, and no more memory.

M. Lopez de Prado, Advances in Financial Machine Learning (2018), chapter 5, with a window of fixed width.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from config.errors import NightdeskError, UsageError
from data_pipeline.features.rolling import Floats
from data_pipeline.features.stationarity import is_stationary

_TAU = 1e-3  # weights smaller than this are cut off: 55 are left at d = 0.4
_WIDEST = 100_000
_BLOCK = 1024  # sums worked on side by side, in vector registers
_TOGETHER = 4  # weights multiplied in one pass over the sums, to load and store them less often


def weights(d: float, tau: float = _TAU) -> Floats:
    """w_0 = 1, w_k = -w_(k-1) (d - k + 1) / k, up to the first with |w_k| < tau: the expansion of (1 - B)^d."""
    if not (0.0 <= d <= 2.0 and 0.0 < tau < 1.0):
        raise UsageError(
            "fractional.order",
            f"There is no window for d = {d} and tau = {tau}.",
            "Choose d from 0 to 2 and tau between 0 and 1.",
        )
    series = [1.0]
    while abs(following := -series[-1] * (d - len(series) + 1) / len(series)) >= tau:
        if len(series) == _WIDEST:
            raise UsageError("fractional.width", f"tau = {tau} keeps over {_WIDEST} weights.", "Choose a larger tau.")
        series.append(following)
    return np.array(series)


def difference(values: Floats, d: float, tau: float = _TAU) -> Floats:
    """sum_k w_k x_(t-k) of finite values; NaN for the first ones, whose windows are not full.

    Every sum adds its terms in one order wherever the series ends, so cutting it off changes no bit of what is left.
    """
    window = weights(d, tau)
    extra = -len(window) % _TOGETHER
    out = _dots(np.concatenate([np.zeros(extra), values]), np.concatenate([window, np.zeros(extra)]))[extra:]
    out[: len(window) - 1] = np.nan
    return out


@njit(cache=True)
def _dots(values: Floats, weights: Floats) -> Floats:
    """The product of `weights`, a multiple of four, with each full window of `values`, newest first."""
    width = len(weights)
    out = np.zeros(len(values))
    for begin in range(width - 1, len(values), _BLOCK):
        end = min(begin + _BLOCK, len(values))
        total = out[begin:end]
        for k in range(0, width, _TOGETHER):
            w0, w1, w2, w3 = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
            past = values[begin - k - 3 : end - k]
            for i in range(end - begin):
                total[i] += (w0 * past[i + 3] + w1 * past[i + 2]) + (w2 * past[i + 1] + w3 * past[i])
    return out


def smallest_order(values: Floats, tau: float = _TAU) -> float:
    """The smallest d of 0, 0.05, ..., 1 whose differences are stationary, by the values of the training span alone."""
    for d in np.linspace(0.0, 1.0, 21).round(2).tolist():
        differences = difference(values, d, tau)
        if is_stationary(differences[~np.isnan(differences)]):
            return float(d)
    raise NightdeskError(
        "fractional.not_stationary",
        f"The {len(values)} values are not stationary even after a whole difference.",
        "Give a longer training span, or its logarithm.",
    )
