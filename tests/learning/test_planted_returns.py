"""Forecasters learn what was planted to within a tenth of the best possible error, and find nothing in noise."""

from __future__ import annotations

import numpy as np
import pytest

from config.settings import CostParams
from evaluation.accounting.backtest import Costs, backtest
from tests.support.markets.planted_returns import Planted, autoregressive, noise, seasonal
from trainers import CNNPricePredictor, LSTMPricePredictor, TransformerPricePredictor
from trainers.forecast.params import ForecastConfig
from trainers.forecast.predictor import PricePredictor
from trainers.forecast.rule import signals_of

ROWS, LEARNED = 9000, 6000
FEATURES = ("return_1", "day_of_week_sine", "day_of_week_cosine")
NETWORKS = (LSTMPricePredictor, TransformerPricePredictor, CNNPricePredictor)


def fitted(kind: type[PricePredictor], planted: Planted, head: str) -> PricePredictor:
    layers = 2 if kind is CNNPricePredictor else 1
    config = ForecastConfig(
        features=FEATURES, window=8, hidden=16, layers=layers, head=head, lr=3e-3, max_epochs=20, dropout=0.0,
        validation=0.3,
    )  # fmt: skip
    predictor = kind(config)
    predictor.fit(planted.bars.head(LEARNED))
    return predictor


def unseen(predictor: PricePredictor, planted: Planted):
    """The forecasts after the learned part, the returns that came, and the best forecasts."""
    forecast = predictor.predict(planted.bars).iloc[LEARNED:-1]
    close = np.log(planted.bars.frame["close"].to_numpy())
    return forecast, np.diff(close)[LEARNED:], planted.expected[LEARNED:-1]


@pytest.mark.slow
@pytest.mark.parametrize("head", ["gaussian", "quantile"])
@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("market", [autoregressive, seasonal])
def test_what_was_planted_is_forecast_almost_as_well_as_can_be(market, kind, head) -> None:
    planted = market(ROWS)
    forecast, returns, best = unseen(fitted(kind, planted, head), planted)
    optimal = np.mean((returns - best) ** 2)
    assert np.mean((returns - forecast["mean"]) ** 2) <= 1.10 * optimal
    assert np.mean(returns**2) > 1.15 * optimal
    for level in (5, 25, 50, 75, 95):
        assert 100.0 * np.mean(returns <= forecast[f"q{level:02}"]) == pytest.approx(level, abs=3.0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", NETWORKS)
def test_in_noise_the_random_walk_is_not_beaten_and_nothing_is_traded(kind) -> None:
    planted = noise(ROWS)
    predictor = fitted(kind, planted, "gaussian")
    forecast, returns, _ = unseen(predictor, planted)
    assert np.mean((returns - forecast["mean"]) ** 2) >= 0.999 * np.mean(returns**2)
    signals = signals_of(
        planted.bars.frame.index, predictor.forecaster.forecast(planted.bars), CostParams(), "short", margin=1.0
    )
    assert (signals.position.iloc[LEARNED:] == 0.0).all()
    assert backtest(planted.bars, signals, Costs()).trades.empty
