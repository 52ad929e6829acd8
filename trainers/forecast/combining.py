"""Several forecasts as one: how they are weighed, by what each missed on rows that it had not learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import nnls

from config.errors import UsageError
from data_pipeline.bars.bars import Bars
from trainers.forecast.heads import Distribution, weighted_sum
from trainers.forecast.model import Forecasts
from trainers.forecast.table import Floats

Method = Literal["stacking", "voting", "weighted_average"]
METHODS: tuple[Method, ...] = ("stacking", "voting", "weighted_average")
_FIRM = 1e4  # how firmly the sum of weights is held at one, beside the forecasts


@dataclass(frozen=True, eq=False)
class Combined:
    """Forecasts by name, and the weight of each; where the weights add up to less than one, no return has the rest."""

    parts: Mapping[str, Forecasts]
    weights: Mapping[str, float]

    def forecast(self, bars: Bars) -> Distribution:
        """The distribution at each bar, NaN where one of them cannot tell yet."""
        names = sorted(self.parts)  # in one order, however they were read
        weights = np.array([self.weights[name] for name in names])
        return combined([self.parts[name].forecast(bars) for name in names], weights)


def combined(parts: Sequence[Distribution], weights: Floats) -> Distribution:
    """The mixture of the parts, around the weighted mean of their means."""
    total = weights.sum()
    shares = weights / total if total > 0.0 else np.full(len(weights), 1.0 / len(weights))
    mixture = Distribution.mixture(list(parts), shares)
    return mixture.moved(weighted_sum(weights, [part.mean for part in parts]))


def weights_of(method: Method, forecasts: Floats, returns: Floats) -> Floats:
    """The weight of each forecast [forecasts, rows] of these returns, none below 0, together 1 at most.

    `stacking` minimises the squared error; on noise it gives the rest to expecting no return.
    """
    if method not in METHODS:
        raise UsageError("forecast.method", f"There is no way {method!r} to combine.", f"Choose {', '.join(METHODS)}.")
    count = len(forecasts)
    if method == "voting":
        return np.full(count, 1.0 / count)
    if method == "weighted_average":
        precision = 1.0 / np.maximum(((forecasts - returns) ** 2).mean(axis=1), 1e-18)
        out: Floats = precision / precision.sum()
        return out
    usual = max(float(np.abs(returns).mean()), 1e-18)
    columns, target = forecasts.T / usual, returns / usual
    weights, _ = nnls(columns, target)
    if weights.sum() > 1.0:
        firm = _FIRM * np.sqrt(len(returns))
        weights, _ = nnls(np.vstack([columns, np.full(count, firm)]), np.append(target, firm))
        weights = weights / weights.sum()
    return np.asarray(weights, np.float64)
