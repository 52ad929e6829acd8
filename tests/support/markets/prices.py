"""Frames of prices for tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd


def frame(opens: Sequence[float], closes: Sequence[float] | None = None) -> pd.DataFrame:
    """Daily bars with these opens and closes (closes default to the opens), high and low just around them."""
    open_, close = np.asarray(opens, float), np.asarray(opens if closes is None else closes, float)
    columns = {"open": open_, "high": np.maximum(open_, close), "low": np.minimum(open_, close), "close": close}
    index = pd.date_range("2024-01-01", periods=len(open_), tz="UTC", name="time")
    return pd.DataFrame({**columns, "volume": np.ones(len(open_))}, index=index)


def walk(bars: int, seed: int = 0, drift: float = 0.0005, volatility: float = 0.01) -> pd.DataFrame:
    """A random walk with gaps."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(drift, volatility, bars)))
    return frame(close * np.exp(rng.normal(0.0, volatility / 3, bars)), close)


def series(values: Sequence[float], like: pd.DataFrame) -> pd.Series:
    """`values` on the index of a frame."""
    return pd.Series(list(values), index=like.index, dtype="float64")
