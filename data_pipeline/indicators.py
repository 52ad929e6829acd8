"""Formulas over the columns of bars. Each value depends on bars up to its own; the first few of each are NaN."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import talib

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Columns:
    """The columns of bars as contiguous arrays, so that every computation meets the same memory layout."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


def _ratio(numerator: Floats, denominator: Floats, otherwise: float = 0.0) -> Floats:
    """`numerator / denominator`, and `otherwise` where the denominator is 0; NaN stays NaN."""
    unknown = np.isnan(numerator) | np.isnan(denominator)
    filled = np.where(unknown, np.nan, otherwise)
    return np.divide(numerator, denominator, out=filled, where=(denominator != 0.0) & ~unknown)


def _before(values: Floats, n: int) -> Floats:
    """The value `n` bars earlier."""
    return np.concatenate([np.full(min(n, len(values)), np.nan), values[: max(len(values) - n, 0)]])


def change(values: Floats, n: int) -> Floats:
    """x_t / x_(t-n) - 1; 0 where x_(t-n) is 0, as it is for volume on a day without trade."""
    return _ratio(values - _before(values, n), _before(values, n))


def rsi(c: Columns) -> Floats:
    """Wilder's relative strength index over 14 bars, 0 to 100."""
    return np.asarray(talib.RSI(c.close, 14))


def ema(c: Columns, n: int = 20) -> Floats:
    """Exponential mean of the close, weight 2 / (n + 1), begun with the plain mean of the first n."""
    return np.asarray(talib.EMA(c.close, n))


def sma(c: Columns, n: int) -> Floats:
    """Plain mean of the last n closes."""
    return np.asarray(talib.SMA(c.close, n))


def macd(c: Columns) -> tuple[Floats, Floats, Floats]:
    """EMA 12 - EMA 26 of the close; its EMA 9, the signal; and their difference, the histogram."""
    line, signal, histogram = talib.MACD(c.close, 12, 26, 9)
    return np.asarray(line), np.asarray(signal), np.asarray(histogram)


def bollinger(c: Columns) -> tuple[Floats, Floats, Floats]:
    """Mean of 20 closes and the bands two standard deviations (with n) above and below: upper, middle, lower."""
    upper, middle, lower = talib.BBANDS(c.close, 20, 2.0, 2.0)
    return np.asarray(upper), np.asarray(middle), np.asarray(lower)


def bollinger_width(c: Columns) -> Floats:
    """(upper - lower) / middle."""
    upper, middle, lower = bollinger(c)
    return _ratio(upper - lower, middle)


def bollinger_percent(c: Columns) -> Floats:
    """Where the close lies between the bands: 0 at the lower, 1 at the upper, 0.5 where they meet."""
    upper, _, lower = bollinger(c)
    return _ratio(c.close - lower, upper - lower, otherwise=0.5)


def atr(c: Columns) -> Floats:
    """Wilder's average true range over 14 bars."""
    return np.asarray(talib.ATR(c.high, c.low, c.close, 14))


def obv(c: Columns) -> Floats:
    """On-balance volume: volume added on rising closes and taken off on falling ones."""
    return np.asarray(talib.OBV(c.close, c.volume))


def stochastic(c: Columns) -> tuple[Floats, Floats]:
    """The close between the extremes of 14 bars, 0 to 100: %K smoothed over 3, and %D, its mean over 3."""
    slow_k, slow_d = talib.STOCH(c.high, c.low, c.close, fastk_period=14, slowk_period=3, slowd_period=3)
    return np.asarray(slow_k), np.asarray(slow_d)


def realised_volatility(c: Columns, n: int = 20) -> Floats:
    """Standard deviation (n - 1) of the last n log returns of the close, for one bar."""
    return np.asarray(pd.Series(np.log(c.close)).diff().rolling(n).std().to_numpy())


def volume_z(c: Columns, n: int = 20) -> Floats:
    """How many standard deviations (n - 1) the volume lies above its mean over n bars; 0 where it never changes."""
    window = pd.Series(c.volume).rolling(n)
    deviation = np.where(window.max() == window.min(), 0.0, window.std())
    return _ratio(c.volume - window.mean().to_numpy(), np.where(window.max().isna(), np.nan, deviation))


def high_low_spread(c: Columns) -> Floats:
    """(high - low) / close."""
    return (c.high - c.low) / c.close
