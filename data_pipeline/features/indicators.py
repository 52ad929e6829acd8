"""Formulas over the columns of bars. Each value depends on bars up to its own; the first few of each are NaN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import talib

from data_pipeline.features import fractional, rolling
from data_pipeline.features.rolling import Floats, ratio

Nanoseconds = npt.NDArray[np.int64]

_DAY = 86_400 * 10**9
_FIRST_MONDAY = 4 * _DAY  # 1970 began on a Thursday


@dataclass(frozen=True)
class Columns:
    """The columns of bars as contiguous arrays, so that every computation meets the same memory layout.

    `wall` gives the time on the exchange's clock in the last moment of each bar, in nanoseconds since 1970 began there;
    a function, called by the features that need it alone, because it takes the exchange's calendar.
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    wall: Callable[[], Nanoseconds]


def before(values: Floats, n: int) -> Floats:
    """The value `n` bars earlier."""
    return np.concatenate([np.full(min(n, len(values)), np.nan), values[: max(len(values) - n, 0)]])


def change(values: Floats, n: int) -> Floats:
    """x_t / x_(t-n) - 1; 0 where x_(t-n) is 0, as it is for volume on a day without trade."""
    return ratio(values - before(values, n), before(values, n))


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
    return ratio(upper - lower, middle)


def bollinger_percent(c: Columns) -> Floats:
    """Where the close lies between the bands: 0 at the lower, 1 at the upper, 0.5 where they meet."""
    upper, _, lower = bollinger(c)
    return ratio(c.close - lower, upper - lower, otherwise=0.5)


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


def roc(c: Columns, n: int = 10) -> Floats:
    """The rate of change over n bars, in percent."""
    return np.asarray(talib.ROC(c.close, n))


def log_returns(c: Columns) -> Floats:
    """ln(C_t / C_(t-1))."""
    return np.log(c.close / before(c.close, 1))


def realised_volatility(c: Columns, n: int = 20) -> Floats:
    """Standard deviation (n - 1) of the last n log returns of the close, for one bar."""
    return rolling.deviation(log_returns(c), n)


def yang_zhang(c: Columns, n: int = 20) -> Floats:
    """Volatility for one bar from gaps, bodies and ranges: Yang and Zhang, Journal of Business 73 (2000), 477-491.

    With o = ln(O/C_(t-1)), c = ln(C/O), u = ln(H/O), l = ln(L/O) and k = 0.34 / (1.34 + (n+1)/(n-1)):
    variance = Var(o) + k Var(c) + (1-k) mean(u(u-c) + l(l-c)), over n bars, Var with n - 1.
    """
    gap = np.log(c.open / before(c.close, 1))
    body, up, down = np.log(c.close / c.open), np.log(c.high / c.open), np.log(c.low / c.open)
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    ranges = rolling.mean(up * (up - body) + down * (down - body), n)
    variance = rolling.variance(gap, n) + k * rolling.variance(body, n) + (1.0 - k) * ranges
    return np.sqrt(np.maximum(variance, 0.0))


def fractional_close(c: Columns, d: float = 0.4) -> Floats:
    """The log close, differenced a fraction `d` of once: stationary enough to learn from, with its memory kept."""
    return fractional.difference(np.log(c.close), d)


def volume_z(c: Columns, n: int = 20) -> Floats:
    """How many standard deviations (n - 1) the volume lies above its mean over n bars; 0 where it never changes."""
    return rolling.score(c.volume, n)


def volume_ratio(c: Columns, n: int = 20) -> Floats:
    """The volume by its mean over n bars, its own included: 0 to n; 1 where nothing is traded."""
    return ratio(c.volume, rolling.mean(c.volume, n), otherwise=1.0)


def high_low_spread(c: Columns) -> Floats:
    """(high - low) / close."""
    return (c.high - c.low) / c.close


def time_of_day(c: Columns) -> Floats:
    """How much of the day has passed, 0 to 1."""
    return (c.wall() % _DAY) / _DAY


def hour(c: Columns) -> Floats:
    """The full hours of the day that have passed, as a part of it."""
    return (c.wall() % _DAY // (_DAY // 24)) / 24.0


def day_of_week(c: Columns) -> Floats:
    """The full days of the week that have passed, as a part of it; Monday is 0."""
    return ((c.wall() - _FIRST_MONDAY) // _DAY % 7) / 7.0


def time_of_year(c: Columns) -> Floats:
    """How much of the year has passed, 0 to 1."""
    now = c.wall().view("M8[ns]")
    year = now.astype("M8[Y]")
    begin, end = year.astype("M8[ns]"), (year + 1).astype("M8[ns]")
    passed: Floats = (now - begin) / (end - begin)
    return passed


def sine(part: Floats) -> Floats:
    """The height of a point that has gone this part of a circle; with the cosine, midnight lies beside midnight."""
    return np.sin(2.0 * np.pi * part)


def cosine(part: Floats) -> Floats:
    """The other coordinate of the same point."""
    return np.cos(2.0 * np.pi * part)
