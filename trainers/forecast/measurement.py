"""How a forecast is measured: on the newest rows, which neither its network nor its epoch has seen."""

from __future__ import annotations

import numpy as np

from evaluation.forecasts.evidence import ForecastEvidence, Rival, measured
from trainers.forecast.data import Parts, Samples
from trainers.forecast.heads import LEVELS, Distribution
from trainers.forecast.table import Floats


def measure(forecast: Distribution, samples: Samples, parts: Parts, horizon: int, seed: int) -> ForecastEvidence:
    """Measure the forecast of the log returns of `parts.later`, by what has learned from `parts.learned` alone.

    The samples are those of one symbol.
    """
    learned, later = samples.only(parts.learned), samples.only(parts.later)
    rivals: dict[Rival, Floats] = {
        "random_walk": np.zeros(len(later.ends)),
        "last_value": _last_values(samples, parts),
        "drift": np.full(len(later.ends), float(np.mean(learned.targets * learned.usual))),
        "gradient_boosting": _boosted(learned, later, seed) * later.usual,
    }
    return measured(
        later.targets * later.usual,
        forecast.mean,
        {level: forecast.quantiles[:, place] for place, level in enumerate(LEVELS)},
        rivals,
        horizon=horizon,
        span=(later.known.min().isoformat(), later.known.max().isoformat()),
    )


def _last_values(samples: Samples, parts: Parts) -> Floats:
    """The return over the horizon that was known last at each later row: that of the newest complete target."""
    order = np.argsort(samples.complete.asi8, kind="stable")
    complete, values = samples.complete.asi8[order], (samples.targets * samples.usual)[order]
    newest = np.searchsorted(complete, samples.known.asi8[parts.later], side="right") - 1
    return np.where(newest >= 0, values[np.maximum(newest, 0)], 0.0)


def _boosted(learned: Samples, later: Samples, seed: int) -> Floats:
    """Gradient boosting from the features of the newest bar of each window."""
    from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: PLC0415 -- heavy, and only for this

    rival = HistGradientBoostingRegressor(max_iter=60, max_depth=3, learning_rate=0.05, random_state=seed % 2**32)
    rival.fit(learned.features[learned.ends], learned.targets)
    out: Floats = rival.predict(later.features[later.ends])
    return out
