"""Synthetic bars, as hard to trade as real ones: regimes, fat tails, clustered volatility, weekly habits, little else.

How daily prices come about is in `daily`, the one edge in `edge`. Volume follows volatility. Intraday bars are cuts of
the daily ones. Every number depends on the symbol and on how many sessions came before, so that a later `end` adds bars
and changes none.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from config.calendars import TradingCalendar
from config.errors import NightdeskError
from data_pipeline.bars import calendar
from data_pipeline.bars.bars import COLUMNS
from data_pipeline.news.headlines import Headline
from data_pipeline.provenance import SAMPLE
from data_pipeline.sources.base import BarSource
from data_pipeline.sources.sample.daily import YEARS, daily_path
from data_pipeline.sources.sample.news import sample_headlines
from data_pipeline.sources.sample.seeds import seed_of

BIRTH = pd.Timestamp("2010-01-01", tz="UTC")

Floats = npt.NDArray[np.float64]

# Prices are in the millions, where no share, index, currency or coin is quoted: nobody takes them for real ones.
_UNIT = 1_000_000.0
_DECIMALS = 2
_PARTS = ("character", "highs", "lows", "trade")
_WICK = 0.45  # of a day's volatility reaches beyond open and close
_VOLUME_OF_WEEKDAY = np.array([0.05, 0.0, -0.02, 0.0, 0.1, -0.3, -0.35])


class SampleSource(BarSource):
    """Bars of any symbol at any interval, from 2010 on; the same symbol always has the same history."""

    name = SAMPLE

    def pull(self, symbol: str, interval: str, start: datetime, end: datetime) -> pd.DataFrame:
        """The bars closed in [start, end]."""
        hours = self.calendars.of(symbol)
        days = _daily(symbol, hours, pd.Timestamp(end) + pd.Timedelta(days=5))
        frame = (
            days if interval == "1d" else _intraday(symbol, interval, days, _bar_closes(hours, interval, start, end))
        )
        rows = frame.loc[pd.Timestamp(start) : pd.Timestamp(end)]
        if rows.empty:
            raise NightdeskError(
                "data.empty",
                f"The sample market has no {interval} bars of {symbol} between {start} and {end}.",
                f"Ask for a span after {BIRTH:%Y-%m-%d} with at least one session in it.",
            )
        return rows

    def headlines(self, symbol: str, now: datetime) -> list[Headline]:
        """Reports on the days of the last five years, each seen soon after the day had closed."""
        hours = self.calendars.of(symbol)
        return sample_headlines(symbol, _daily(symbol, hours, pd.Timestamp(now)), now)


def _daily(symbol: str, hours: TradingCalendar, end: pd.Timestamp) -> pd.DataFrame:
    """The daily bars closed by `end`; more are made, so that the path is judged over the same years each time."""
    judged = BIRTH + pd.DateOffset(years=YEARS + 1)
    closes = calendar.closes(hours, "1d", BIRTH, max(end, judged))
    weekday = calendar.session_dates(hours, closes).day_of_week.to_numpy().astype(np.int64)
    path = daily_path(symbol, weekday, calendar.periods_per_year(hours, "1d"))
    n, usual = len(closes), float(np.median(path.volatility))
    character, highs, lows, trade = (np.random.default_rng(seed_of(part, symbol)) for part in _PARTS)
    first = np.log(_UNIT * character.uniform(1.5, 6.0))
    size = np.exp(character.uniform(13.0, 17.0))
    open_close = np.column_stack([path.log_open, path.log_close])
    log_high = open_close.max(axis=1) + _WICK * path.volatility * np.abs(highs.standard_normal(n))
    log_low = open_close.min(axis=1) - _WICK * path.volatility * np.abs(lows.standard_normal(n))
    busyness = 0.8 * np.log(path.volatility / usual) + 0.25 * np.abs(path.shock) + _VOLUME_OF_WEEKDAY[weekday]
    volume = np.round(size * np.exp(busyness + 0.2 * trade.standard_normal(n)))
    logs = np.column_stack([path.log_open, log_high, log_low, path.log_close])
    days = _frame(np.round(np.exp(first + logs), _DECIMALS), volume, closes)
    return days.loc[:end]


def _frame(prices: Floats, volume: Floats, closes: pd.DatetimeIndex) -> pd.DataFrame:
    return pd.DataFrame(np.column_stack([prices, volume]), columns=list(COLUMNS), index=closes.rename("time"))


def _bar_closes(hours: TradingCalendar, interval: str, start: datetime, end: datetime) -> pd.DatetimeIndex:
    day = pd.Timedelta(days=1)
    return calendar.closes(hours, interval, max(pd.Timestamp(start) - 5 * day, BIRTH), pd.Timestamp(end) + 5 * day)


def _intraday(symbol: str, interval: str, days: pd.DataFrame, closes: pd.DatetimeIndex) -> pd.DataFrame:
    """Each day cut into bars that together open, peak, bottom, close and trade as the day did."""
    session = pd.DatetimeIndex(days.index).searchsorted(closes)
    inside = (session > 0) & (session < len(days))
    closes, session = closes[inside], session[inside]
    if len(closes) == 0:
        return days.iloc[:0]
    starts = np.flatnonzero(np.diff(session, prepend=-1))
    counts = np.diff(np.append(starts, len(session)))
    values = days.to_numpy()
    parts = [
        _cut(np.random.default_rng(seed_of(symbol, interval, int(nth))), values[nth], int(count))
        for nth, count in zip(session[starts], counts, strict=True)
    ]
    # The first session may be asked for from its middle on; it is left out, being before `start` by days.
    return _frame(np.vstack([prices for prices, _ in parts]), np.concatenate([volume for _, volume in parts]), closes)


def _cut(random: np.random.Generator, day: Floats, n: int) -> tuple[Floats, Floats]:
    """A bridge from the day's open to its close, kept inside its low and high and touching both."""
    open_, high, low, close, volume = day
    part = np.arange(1, n + 1) / n
    walk = np.cumsum(random.standard_normal(n)) / np.sqrt(n)
    path = open_ + part * (close - open_) + 0.5 * (high - low) * (walk - part * walk[-1])
    path = np.clip(np.round(path, _DECIMALS), low, high)
    path[-1] = close
    opens = np.concatenate([[open_], path[:-1]])
    wick = 0.1 * (high - low) / np.sqrt(n)
    tops = np.minimum(np.maximum(opens, path) + wick * random.random(n), high)
    bottoms = np.maximum(np.minimum(opens, path) - wick * random.random(n), low)
    tops[np.argmax(tops)], bottoms[np.argmin(bottoms)] = high, low
    shape = (1.0 + 2.0 * (2.0 * part - 1.0) ** 2) * random.uniform(0.6, 1.4, n)  # busy at open and close
    traded = np.floor(np.cumsum(shape) / shape.sum() * volume)
    traded[-1] = volume
    prices = np.round(np.column_stack([opens, tops, bottoms, path]), _DECIMALS)
    return prices, np.diff(traded, prepend=0.0)
