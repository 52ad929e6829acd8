"""The technical analyst: trend, momentum, MACD, RSI and Bollinger bands, each a view from -1 (falls) to 1 (rises)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from data_pipeline.bars.bars import Bars
from data_pipeline.features.registry import feature_matrix
from trainers.analysts.votes import Votes

Floats = npt.NDArray[np.float64]

FEATURES = ("sma_10_to_50", "return_20", "macd_histogram", "atr", "atr_to_close", "rsi", "bollinger_percent")
# How many average true ranges make a strong move of each kind: their tanh is then 0.76.
TREND, MOMENTUM, TURN = 2.0, 4.0, 0.25
OVERSOLD, OVERBOUGHT, EXTREME = 30.0, 70.0, 20.0  # of the RSI


def technical_votes(bars: Bars) -> Votes:
    """The mean of the five views, and as confidence how far they agree; none before all five are defined."""
    view = np.mean(views(bars), axis=0)
    return Votes.of(bars.frame.index, (1.0 + view) / 2.0, np.abs(view))


def views(bars: Bars) -> list[Floats]:
    """Trend, momentum and MACD in units of the average true range; RSI and bands against the crowd at extremes."""
    trend, momentum, macd, atr, atr_to_close, rsi, band = feature_matrix(bars, FEATURES).to_numpy().T
    return [
        np.tanh(_ratio(trend, TREND * atr_to_close)),
        np.tanh(_ratio(momentum, MOMENTUM * atr_to_close)),
        np.tanh(_ratio(macd, TURN * atr)),
        np.clip((OVERSOLD - rsi) / EXTREME, 0.0, 1.0) - np.clip((rsi - OVERBOUGHT) / EXTREME, 0.0, 1.0),
        np.clip(-2.0 * band, 0.0, 1.0) - np.clip(2.0 * (band - 1.0), 0.0, 1.0),
    ]


def _ratio(move: Floats, scale: Floats) -> Floats:
    """How large a move is; a market that does not move has none."""
    return np.divide(move, scale, out=np.where(np.isnan(move + scale), np.nan, 0.0), where=scale > 0.0)
