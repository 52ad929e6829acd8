"""A market that is calm and rising, or wild and falling, and stays so for a while; its states are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_pipeline.bars.bars import Bars

STAY = (0.99, 0.97)
MEANS = (0.0008, -0.004)
DEVIATIONS = (0.006, 0.02)


def planted(rows: int, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The states, 0 calm and 1 wild, and the log returns [rows, 1]."""
    random = np.random.default_rng(seed)
    states = np.zeros(rows, np.int64)
    for row, draw in enumerate(random.random(rows)):
        before = int(states[row - 1]) if row else 0
        states[row] = before if draw < STAY[before] else 1 - before
    noise = random.normal(size=rows)
    return states, (np.take(MEANS, states) + np.take(DEVIATIONS, states) * noise)[:, None]


def bars_of(returns: NDArray[np.float64], symbol: str = "TWO") -> Bars:
    """Bars with these log returns from close to close, after a first one."""
    close = 100.0 * np.exp(np.concatenate([[0.0], np.cumsum(returns)]))
    index = pd.date_range("2012-01-02 21:00", periods=len(close), freq="B", tz="UTC", name="time").as_unit("ns")
    prices = dict.fromkeys(("open", "high", "low", "close"), close)
    return Bars(pd.DataFrame({**prices, "volume": 1.0}, index), symbol)
