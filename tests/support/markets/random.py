"""Markets of every kind, each from its seed: calm and wild, of days and of hours, with halts and days of no trade."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd

from data_pipeline.bars import calendar
from data_pipeline.bars.bars import COLUMNS, Bars
from data_pipeline.experts.expert_log import ExpertLog

START, END = datetime(2016, 1, 1, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC)


def random_market(seed: int) -> Bars:
    """400 to 1,500 bars of a stock or a coin."""
    random = np.random.default_rng(seed)
    symbol, interval = [("AAPL", "1d"), ("BTC-USD", "1d"), ("BTC-USD", "1h")][seed % 3]
    rows = int(random.integers(400, 1500))
    index = calendar.closes(symbol, interval, START, END)[:rows]
    volatility = float(random.choice([1e-4, 0.01, 0.05])) * np.exp(np.cumsum(0.05 * random.standard_normal(len(index))))
    moves = np.clip(volatility * random.standard_t(3, len(index)), -0.5, 0.5)
    moves[random.random(len(index)) < random.choice([0.0, 0.1])] = 0.0
    close = random.uniform(0.01, 5000.0) * np.exp(np.clip(np.cumsum(moves), -12.0, 12.0))
    open_ = np.append(close[:1], close[:-1]) * np.exp(0.1 * moves)
    high, low = np.maximum(open_, close) * (1.0 + np.abs(moves)), np.minimum(open_, close) / (1.0 + np.abs(moves))
    volume = np.floor(random.lognormal(10.0, 1.0, len(index))) * (random.random(len(index)) > random.choice([0.0, 0.2]))
    is_traded = random.random(len(index)) > random.choice([0.0, 0.02])  # halts
    frame = pd.DataFrame(np.column_stack([open_, high, low, close, volume]), index, list(COLUMNS))
    return Bars(frame[is_traded], symbol, interval)


def random_expert(bars: Bars, seed: int) -> ExpertLog:
    """Buys and sells at random instants."""
    action = np.random.default_rng(seed).choice([-1, 0, 0, 1], len(bars))
    dates = bars.dates if bars.interval == "1d" else pd.DatetimeIndex(bars.frame.index).tz_localize(None)
    return ExpertLog(pd.DataFrame({"date": dates.to_numpy("datetime64[ns]"), "action": action}))
