"""HTML of a measured forecast: how far it missed beside its rivals, and what its quantiles covered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from evaluation.labels import MISSING, count, format_number, plain
from evaluation.reports.markup import Html, el, table
from evaluation.reports.tables import span

if TYPE_CHECKING:
    from evaluation.forecasts.evidence import ForecastError, ForecastEvidence

_NAMES = {
    "model": "model",
    "random_walk": "random walk: no return",
    "last_value": "last value: the return before",
    "drift": "drift: the mean so far",
    "gradient_boosting": "gradient boosting",
}


def forecast_parts(forecast: ForecastEvidence) -> Iterator[Html]:
    """The sentence, the errors of all forecasts, and the coverage."""
    yield el("p", forecast.sentence)
    columns = ["Forecast", "Root mean squared error %", "Mean absolute error %", "Squared error by the random walk's"]
    rows = [_row(error) for error in (forecast.model, *forecast.rivals)]
    yield table([*columns, "p-value of the model being no better"], rows)
    yield table(
        ["Quantile", *(f"{level.level:.0%}" for level in forecast.coverage)],
        [["Returns at or below it", *(f"{level.share:.1%}" for level in forecast.coverage)]],
    )
    bars = count(forecast.horizon, "bar")
    yield el("p", f"Returns over {bars}, forecast from ", span(forecast.first, forecast.last), ".")


def _row(error: ForecastError) -> list[str]:
    figures = (error.rmse, error.mae, error.mse_share)
    p_value = MISSING if error.p_value is None else format_number(error.p_value, ".3f")
    return [_NAMES.get(error.name) or plain(error.name), *(format_number(figure, ".3f") for figure in figures), p_value]
