"""Synthetic bars with what makes real ones hard: regimes, fat tails, clustered volatility, weekly habits.

Every number depends on the symbol and on how many sessions came before, so a later `end` adds bars and changes none.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from config.errors import NightdeskError
from data_pipeline.bars import calendar
from data_pipeline.bars.bars import COLUMNS
from data_pipeline.provenance import SAMPLE
from data_pipeline.sources.base import BarSource

BIRTH = pd.Timestamp("2010-01-01", tz="UTC")

Floats = npt.NDArray[np.float64]

# Regimes: drift and volatility of a day's log return; least and mean days before the next one.
_BULL, _CALM, _BEAR = 0, 1, 2
_DRIFT = np.array([0.0048, 0.0, -0.0060])
_VOLATILITY = np.array([0.0085, 0.0070, 0.0105])
_LEAST_DAYS = np.array([10, 4, 8])
_MEAN_DAYS = np.array([18, 8, 12])
_CALM_BETWEEN = 0.1  # how often a calm spell lies between two trends

_TAIL = 5.0  # degrees of freedom of Student's t
_GAP = 0.35  # of a day's volatility shows overnight
_WICK = 0.45  # of a day's volatility reaches beyond open and close
_DRIFT_OF_WEEKDAY = np.array([-0.0003, 0.0, 0.0, 0.0001, 0.0003, 0.0, 0.0])
_VOLUME_OF_WEEKDAY = np.array([0.05, 0.0, -0.02, 0.0, 0.1, -0.3, -0.35])
_DECIMALS = 4


class SampleSource(BarSource):
    """Bars of any symbol at any interval, from 2010 on; the same symbol always has the same history."""

    name = SAMPLE

    def pull(self, symbol: str, interval: str, start: datetime, end: datetime) -> pd.DataFrame:
        """The bars closed in [start, end]."""
        hours = self.calendars.of(symbol)
        days = _daily(symbol, calendar.closes(hours, "1d", BIRTH, pd.Timestamp(end) + pd.Timedelta(days=5)))
        frame = days if interval == "1d" else _intraday(symbol, interval, days, start, end)
        rows = frame.loc[pd.Timestamp(start) : pd.Timestamp(end)]
        if rows.empty:
            raise NightdeskError(
                "data.empty",
                f"The sample market has no {interval} bars of {symbol} between {start} and {end}.",
                f"Ask for a span after {BIRTH:%Y-%m-%d} with at least one session in it.",
            )
        return rows


def seed_of(*parts: object) -> int:
    """A seed that is the same on every machine."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:16], "big")


def _streams(symbol: str, count: int) -> list[np.random.Generator]:
    """Independent streams, one for each quantity: a longer history reads further in each and nothing shifts."""
    return [np.random.Generator(np.random.PCG64(seed)) for seed in np.random.SeedSequence(seed_of(symbol)).spawn(count)]


def _regimes(random: np.random.Generator, days: int) -> npt.NDArray[np.int64]:
    """Bull and bear markets in turn, sometimes with a calm spell between, each of a least length."""
    spells: list[tuple[int, int]] = []
    total, regime, trend = 0, _BULL, _BULL
    while total < days:
        length = int(_LEAST_DAYS[regime] - (_MEAN_DAYS[regime] - _LEAST_DAYS[regime]) * np.log1p(-random.random()))
        spells.append((regime, length))
        total += length
        calm_next = random.random() < _CALM_BETWEEN and regime != _CALM
        if calm_next:
            regime = _CALM
        else:
            trend = regime = _BEAR if trend == _BULL else _BULL
    return np.repeat([regime for regime, _ in spells], [length for _, length in spells])[:days]


def _daily(symbol: str, closes: pd.DatetimeIndex) -> pd.DataFrame:
    n = len(closes)
    character, spells, shocks, gaps, highs, lows, trade = _streams(symbol, 7)
    temper = character.uniform(0.9, 1.9)  # how far this symbol swings
    price = character.uniform(20.0, 200.0)
    size = np.exp(character.uniform(13.0, 17.0))
    regime = _regimes(spells, n)
    weekday = calendar.session_dates(symbol, closes).day_of_week.to_numpy()
    volatility = temper * _VOLATILITY[regime]
    shock = shocks.standard_t(_TAIL, n) / np.sqrt(_TAIL / (_TAIL - 2.0))
    log_return = temper * _DRIFT[regime] + _DRIFT_OF_WEEKDAY[weekday] + volatility * np.clip(shock, -6.0, 6.0)
    log_close = np.log(price) + np.cumsum(log_return)
    log_open = np.concatenate([[np.log(price)], log_close[:-1]]) + _GAP * volatility * gaps.standard_normal(n)
    log_high = np.maximum(log_open, log_close) + _WICK * volatility * np.abs(highs.standard_normal(n))
    log_low = np.minimum(log_open, log_close) - _WICK * volatility * np.abs(lows.standard_normal(n))
    busyness = 0.5 * np.log(volatility / 0.01) + 0.25 * np.abs(shock) + _VOLUME_OF_WEEKDAY[weekday]
    volume = np.round(size * np.exp(busyness + 0.2 * trade.standard_normal(n)))
    prices = np.round(np.exp(np.column_stack([log_open, log_high, log_low, log_close])), _DECIMALS)
    return _frame(prices, volume, closes)


def _frame(prices: Floats, volume: Floats, closes: pd.DatetimeIndex) -> pd.DataFrame:
    return pd.DataFrame(np.column_stack([prices, volume]), columns=list(COLUMNS), index=closes.rename("time"))


def _intraday(symbol: str, interval: str, days: pd.DataFrame, start: datetime, end: datetime) -> pd.DataFrame:
    """Each day cut into bars that together open, peak, bottom, close and trade as the day did."""
    day = pd.Timedelta(days=1)
    first = max(pd.Timestamp(start) - 5 * day, BIRTH)
    closes = calendar.closes(symbol, interval, first, pd.Timestamp(end) + 5 * day)
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
