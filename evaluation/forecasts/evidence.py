"""How far a forecasting model missed on rows that it had not learned from, beside forecasts that learn nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np

from evaluation.forecasts.comparison import misses_less
from evaluation.metrics.formulas import Array

Rival = Literal["random_walk", "last_value", "drift", "gradient_boosting"]
LEVEL = 0.05


@dataclass(frozen=True)
class ForecastError:
    """How far one forecast missed, in percent of return; `p_value` is of the model's missing no less than it.

    `mse_share` is its mean squared error by that of the random walk.
    """

    name: str
    rmse: float
    mae: float
    mse_share: float
    p_value: float | None = None


@dataclass(frozen=True)
class Coverage:
    """The share of returns at or below the forecast of one quantile, which should be its level."""

    level: float
    share: float


@dataclass(frozen=True)
class ForecastEvidence:
    """A forecast of returns, measured.

    Args:
        horizon: bars that were looked ahead.
        first: the first close that was forecast from.
        last: the last one.
        rows: how many there were.
        model: how far the model missed.
        rivals: the random walk (no return), the last value (the last return again), the drift (the mean of what was
            learned from), and gradient boosting on the same features.
        coverage: of its quantiles.
        beaten: whether it missed surely less than the random walk.
        sentence: the same in words.
    """

    horizon: int
    first: str
    last: str
    rows: int
    model: ForecastError
    rivals: tuple[ForecastError, ...]
    coverage: tuple[Coverage, ...]
    beaten: bool
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {name: list(part) if isinstance(part, tuple) else part for name, part in asdict(self).items()}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        parts = {
            "model": ForecastError(**document["model"]),
            "rivals": tuple(ForecastError(**rival) for rival in document["rivals"]),
            "coverage": tuple(Coverage(**level) for level in document["coverage"]),
        }
        return cls(**{**document, **parts})


def measured(
    returns: Array,
    forecast: Array,
    quantiles: Mapping[float, Array],
    rivals: Mapping[Rival, Array],
    *,
    horizon: int,
    span: tuple[str, str],
) -> ForecastEvidence:
    """Measure the forecast of these log returns, and its quantiles by level; `rivals` holds a `random_walk`."""
    errors = {name: returns - other for name, other in rivals.items()}
    own = returns - forecast
    walk = float(np.mean(errors["random_walk"] ** 2))
    p_values = {name: misses_less(own, missed, horizon) for name, missed in errors.items()}
    p_value = p_values["random_walk"]
    beaten = p_value is not None and p_value <= LEVEL
    model = _error("model", own, walk)
    by_chance = "" if p_value is None else f", p = {p_value:.2f}"
    sentence = (
        f"The random walk was {'' if beaten else 'not '}beaten: over {len(returns)} later bars the squared error was "
        f"{abs(model.mse_share - 1.0):.1%} {'smaller' if model.mse_share < 1.0 else 'larger'} than that of expecting "
        f"no return{by_chance}."
    )
    return ForecastEvidence(
        horizon=horizon,
        first=span[0],
        last=span[1],
        rows=len(returns),
        model=model,
        rivals=tuple(_error(name, missed, walk, p_values[name]) for name, missed in errors.items()),
        coverage=tuple(Coverage(level, float(np.mean(returns <= at))) for level, at in quantiles.items()),
        beaten=beaten,
        sentence=sentence,
    )


def _error(name: str, missed: Array, walk: float, p_value: float | None = None) -> ForecastError:
    squared = float(np.mean(missed**2))
    return ForecastError(
        name=name,
        rmse=100.0 * float(np.sqrt(squared)),
        mae=100.0 * float(np.mean(np.abs(missed))),
        mse_share=squared / walk if walk > 0.0 else 1.0,
        p_value=p_value,
    )
