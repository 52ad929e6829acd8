"""Markets whose returns follow a rule with noise, so that the best forecast of each bar is known, and one without."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_pipeline.bars.bars import Bars

Floats = NDArray[np.float64]
DEVIATION = 0.01


@dataclass(frozen=True, eq=False)
class Planted:
    """Bars, and the return of the next bar that is expected at each close by who knows the rule."""

    bars: Bars
    expected: Floats


def autoregressive(rows: int, seed: int = 0, memory: float = 0.5) -> Planted:
    """r_t = memory r_(t-1) + noise."""
    noise = np.random.default_rng(seed).normal(0.0, DEVIATION, rows)
    returns = np.zeros(rows)
    for row in range(1, rows):
        returns[row] = memory * returns[row - 1] + noise[row]
    return Planted(_bars(returns), memory * returns)


def seasonal(rows: int, seed: int = 0, period: int = 5) -> Planted:
    """The same return on each weekday, and noise."""
    wave = DEVIATION * np.sin(2.0 * np.pi * np.arange(rows + 1) / period)
    returns = wave[:-1] + np.random.default_rng(seed).normal(0.0, DEVIATION, rows)
    return Planted(_bars(returns), wave[1:])


def noise(rows: int, seed: int = 0) -> Planted:
    """Returns that nothing tells before."""
    return Planted(_bars(np.random.default_rng(seed).normal(0.0, DEVIATION, rows)), np.zeros(rows))


def _bars(returns: Floats) -> Bars:
    close = 100.0 * np.exp(np.cumsum(returns))
    index = pd.date_range("2006-01-02 21:00", periods=len(returns), freq="B", tz="UTC", name="time").as_unit("ns")
    prices = dict.fromkeys(("open", "high", "low", "close"), close)
    return Bars(pd.DataFrame({**prices, "volume": 1.0}, index), "PLANTED")
