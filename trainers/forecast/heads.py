"""What a network's last numbers mean: the distribution of the target.

gaussian    (m, v):        density of N(m, exp(v)), v within +-8
quantile    (a, b, ...):   q_1 = a, q_k = q_(k-1) + softplus(b_k): quantiles that never cross
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.errors import UsageError
from trainers.forecast.params import Head

Floats = NDArray[np.float64]
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
LOG_VARIANCE = 8.0
# The standard normal at the levels.
_NORMAL = np.array([-1.6448536269514722, -0.6744897501960817, 0.0, 0.6744897501960817, 1.6448536269514722])
# The mean of a distribution that runs straight between its quantiles, and is flat beyond the last.
_MEAN_OF_QUANTILES = np.array([0.15, 0.225, 0.25, 0.225, 0.15])
WIDTHS: dict[Head, int] = {"gaussian": 2, "quantile": len(LEVELS)}


@dataclass(frozen=True, eq=False)
class Distribution:
    """Mean and deviation of each row, and its quantiles at `LEVELS` [rows, levels]."""

    mean: Floats
    deviation: Floats
    quantiles: Floats

    @classmethod
    def of(cls, head: Head, outputs: Floats) -> Distribution:
        """Of the outputs of a network [rows, width of the head]."""
        if head == "gaussian":
            mean, deviation = outputs[:, 0], np.exp(0.5 * np.clip(outputs[:, 1], -LOG_VARIANCE, LOG_VARIANCE))
            return cls(mean, deviation, mean[:, None] + deviation[:, None] * _NORMAL)
        if head != "quantile":
            raise UsageError("forecast.head", f"There is no head {head!r}.", f"Choose from {', '.join(WIDTHS)}.")
        steps = np.concatenate([outputs[:, :1], np.logaddexp(0.0, outputs[:, 1:])], axis=1)
        quantiles = steps.cumsum(axis=1)
        deviation = (quantiles[:, -1] - quantiles[:, 0]) / (2.0 * _NORMAL[-1])
        return cls(weighted_sum(_MEAN_OF_QUANTILES, list(quantiles.T)), deviation, quantiles)

    def scaled(self, factor: Floats) -> Distribution:
        """The distribution of the same times a factor for each row."""
        return Distribution(self.mean * factor, self.deviation * factor, self.quantiles * factor[:, None])

    def rows(self, chosen: NDArray[np.int64]) -> Distribution:
        """That of these rows."""
        return Distribution(self.mean[chosen], self.deviation[chosen], self.quantiles[chosen])

    def moved(self, mean: Floats) -> Distribution:
        """The same around another mean."""
        return Distribution(mean, self.deviation, self.quantiles + (mean - self.mean)[:, None])

    @classmethod
    def mixture(cls, parts: list[Distribution], weights: Floats) -> Distribution:
        """The mean of several: of their means by these weights, with the spread between them in the deviation.

        Quantiles are averaged, each at its level (Vincent's average), which keeps them from crossing.
        """
        mean = weighted_sum(weights, [part.mean for part in parts])
        second = weighted_sum(weights, [part.deviation**2 + part.mean**2 for part in parts])
        quantiles = weighted_sum(weights, [part.quantiles for part in parts])
        return cls(mean, np.sqrt(np.maximum(second - mean**2, 1e-18)), quantiles)


def weighted_sum(weights: Floats, values: Sequence[Floats]) -> Floats:
    """The sum of the values by their weights, in their order: no other rows change a bit of a row."""
    total = np.zeros_like(values[0])
    for weight, value in zip(weights, values, strict=True):
        total = total + weight * value
    return total
