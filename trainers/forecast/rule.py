"""What a forecast says about when to trade, costs included.

With m the expected log return over the horizon, s its deviation, k what one trade costs and g the margin:

    flat    goes long if m > 2 g k (what is expected pays for buying and selling), short (if allowed) if m < -2 g k
    long    exits if m < 0, and turns short if m < -2 g k;  short the other way round
    size    min(1, m / (2 s^2)), half of Kelly's fraction, as it was when the side was taken

The confidence is the probability that the return has the sign of its mean, that of a normal distribution.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numba import njit
from scipy.special import ndtr

from config.settings import CostParams
from data_pipeline.features.rolling import Floats
from evaluation.signals import Sell, Signals
from trainers.forecast.heads import Distribution


def signals_of(
    index: pd.DatetimeIndex, forecast: Distribution, costs: CostParams, sell: Sell, margin: float
) -> Signals:
    """The positions over bars, flat where a forecast is not there yet."""
    mean = np.nan_to_num(forecast.mean)
    deviation = np.where(np.isfinite(forecast.deviation), np.maximum(forecast.deviation, 1e-12), 1.0)
    size = np.minimum(1.0, np.abs(mean) / (2.0 * deviation**2))
    threshold = 2.0 * margin * (costs.commission + costs.slippage)
    position = _positions(mean, size, threshold, sell == "short")
    confidence = np.where(mean == 0.0, 0.5, ndtr(np.abs(mean) / deviation))
    return Signals(pd.Series(position, index), pd.Series(confidence, index))


@njit(cache=True)
def _positions(mean: Floats, size: Floats, threshold: float, may_short: bool) -> Floats:
    positions = np.zeros(len(mean))
    position = 0.0
    for row in range(len(mean)):
        expected = mean[row]
        if position * expected < 0.0:
            position = 0.0
        if position == 0.0 and expected > threshold:
            position = size[row]
        elif position == 0.0 and may_short and expected < -threshold:
            position = -size[row]
        positions[row] = position
    return positions
