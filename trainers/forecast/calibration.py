"""What later rows say of a forecast: how far to rely on its mean, and where its quantiles really lie.

The mean is multiplied by the slope of the targets on it, less the standard error of that, within 0 and 1:

    b = sum y m / sum m^2,    e^2 = sum (y - b m)^2 / ((n - 1) sum m^2),    reliance = min(1, max(0, b - e))

A network that has learned nothing still forecasts something; its slope is about 0, and so is what is relied on. Then
each quantile q_k is moved by c_k deviations, so that its level is the share of these rows at or below it (split
conformal prediction, V. Vovk et al. 2005; quantiles: Y. Romano et al. 2019, arXiv 1905.03222).
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from config.section import Section
from trainers.forecast.heads import LEVELS, Distribution, Floats

_DECIMALS = 6


class Calibration(Section):
    """How a forecast distribution is corrected.

    Args:
        reliance: the share of the mean that is relied on.
        offsets: by how many deviations each quantile is moved.
    """

    reliance: float = Field(default=1.0, ge=0.0, le=1.0)
    offsets: Annotated[tuple[float, ...], Field(strict=False, min_length=len(LEVELS), max_length=len(LEVELS))] = (
        0.0,
    ) * len(LEVELS)

    @classmethod
    def of(cls, forecast: Distribution, targets: Floats) -> Calibration:
        """By rows that the network was not learned from."""
        reliance = reliance_on(forecast.mean, targets)
        relied = forecast.moved(forecast.mean * reliance)
        missed = (targets[:, None] - relied.quantiles) / relied.deviation[:, None]
        offsets = [float(np.quantile(missed[:, place], level)) for place, level in enumerate(LEVELS)]
        return cls(reliance=reliance, offsets=tuple(round(offset, _DECIMALS) for offset in offsets))

    def apply(self, forecast: Distribution) -> Distribution:
        """The corrected distribution; its quantiles do not cross."""
        relied = forecast.moved(forecast.mean * self.reliance)
        moved = relied.quantiles + relied.deviation[:, None] * np.array(self.offsets)
        return Distribution(relied.mean, relied.deviation, np.maximum.accumulate(moved, axis=1))


def reliance_on(forecast: Floats, targets: Floats) -> float:
    """The share of a mean forecast to rely on."""
    squares = float(forecast @ forecast)
    if squares <= 1e-12 * len(forecast):
        return 0.0
    slope = float(targets @ forecast) / squares
    missed = targets - slope * forecast
    error = np.sqrt(float(missed @ missed) / (max(len(forecast) - 1, 1) * squares))
    return round(float(np.clip(slope - error, 0.0, 1.0)), _DECIMALS)
