"""Forecast the returns of a market by four predictors, and compare their errors with expecting no return.

python examples/price_predictors_example.py
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from data_pipeline.sources.sample import SampleSource
from trainers import CNNPricePredictor, EnsemblePricePredictor, LSTMPricePredictor, TransformerPricePredictor
from trainers.forecast.params import ForecastConfig

END = datetime(2025, 1, 1, tzinfo=UTC)
bars = SampleSource().fetch("AAPL", "1d", END - timedelta(days=2500), END)
learned = bars.head(round(0.8 * len(bars)))
config = ForecastConfig(window=20, hidden=16, layers=2, max_epochs=8)

predictors = {
    "LSTM": LSTMPricePredictor(config),
    "transformer": TransformerPricePredictor(config),
    "CNN": CNNPricePredictor(config),
    "ensemble": EnsemblePricePredictor([LSTMPricePredictor(config), CNNPricePredictor(config)], "stacking"),
}
returns = np.log(bars.frame["close"]).diff().shift(-1)
later = returns.iloc[len(learned) : -1]
errors = {"no return": float((later**2).mean())}
for name, predictor in predictors.items():
    predictor.fit(learned)
    errors[name] = float(((later - predictor.predict(bars)["mean"].loc[later.index]) ** 2).mean())
for name, error in errors.items():
    print(f"{name:12} squared error {error / errors['no return']:.3f} of that of expecting no return")
