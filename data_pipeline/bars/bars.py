"""Bars: one symbol's prices at one interval, checked once and trusted from then on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NoReturn

import numpy as np
import pandas as pd

from config.calendars import Calendars, TradingCalendar
from config.errors import NightdeskError
from data_pipeline.bars import calendar as trading

PRICES = ("open", "high", "low", "close")
COLUMNS = (*PRICES, "volume")
EXTRAS = ("dividends", "splits")
TIME_NAMES = ("time", "datetime", "timestamp", "date")


def _fail(problem: str, cure: str, **detail: str) -> NoReturn:
    raise NightdeskError("bars.invalid", problem, cure, **detail)


@dataclass(frozen=True, eq=False)
class Bars:
    """A frame indexed by the close instants of its bars (UTC), with open, high, low, close and volume as float64.

    The columns stand in this order, dividends and splits behind them if there are any.

    A bar's time is its close, so at that time, and not before, everything in its row is known.

    Args:
        named_calendar: the calendar by which it trades; None is the one that Yahoo's way of writing the symbol tells.
    """

    frame: pd.DataFrame
    symbol: str
    interval: str = "1d"
    source: str = "memory"
    named_calendar: TradingCalendar | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "frame", _normalised(self.frame, self.symbol))
        _check(self.frame, self.symbol)

    @classmethod
    def from_frame(
        cls,
        df: pd.DataFrame,
        *,
        symbol: str,
        interval: str = "1d",
        source: str = "memory",
        calendar: TradingCalendar | None = None,
    ) -> Bars:
        """Bars from a frame whose times stand in its index, or in a column `date` or `time` (see `indexed`)."""
        return cls(indexed(df, symbol, interval, calendar), symbol, interval, source, calendar)

    def __len__(self) -> int:
        return len(self.frame)

    def _with(self, frame: pd.DataFrame) -> Bars:
        return replace(self, frame=frame)

    def until(self, time: datetime) -> Bars:
        """The bars closed at `time` or before."""
        return self._with(self.frame.loc[: pd.Timestamp(time)])

    def since(self, time: datetime) -> Bars:
        """The bars closed at `time` or after."""
        return self._with(self.frame.loc[pd.Timestamp(time) :])

    def head(self, n: int) -> Bars:
        """The first `n` bars."""
        return self._with(self.frame.head(n))

    def tail(self, n: int) -> Bars:
        """The last `n` bars."""
        return self._with(self.frame.tail(n))

    @property
    def calendar(self) -> TradingCalendar:
        """The calendar by which the symbol trades."""
        return self.named_calendar or Calendars().of(self.symbol)

    @property
    def dates(self) -> pd.DatetimeIndex:
        """The session date of each bar, in the time zone of its exchange."""
        return trading.session_dates(self.calendar, pd.DatetimeIndex(self.frame.index))

    def fingerprint(self) -> str:
        """The sha256 of times, column names and values; equal content has equal fingerprints."""
        digest = hashlib.sha256("\x00".join(self.frame.columns).encode())
        digest.update(pd.DatetimeIndex(self.frame.index).asi8.astype("<i8").tobytes())
        digest.update(np.ascontiguousarray(self.frame.to_numpy(), dtype="<f8").tobytes())
        return digest.hexdigest()


def indexed(df: pd.DataFrame, symbol: str, interval: str, calendar: TradingCalendar | None = None) -> pd.DataFrame:
    """The frame with lower-case columns and close instants as its index, not checked any further.

    `date` holds session dates, and a daily bar closes when its session does; `time` holds close instants (UTC where
    no zone is given). A time that cannot be read, or a date without a session, becomes NaT for a gate to report.
    """
    frame = df.rename(columns=lambda name: str(name).strip().lower().replace(" ", "_"))
    named = [name for name in TIME_NAMES if name in frame.columns]
    if named:
        times = frame.pop(named[0])
    elif isinstance(frame.index, pd.DatetimeIndex) and frame.index.tz is not None:
        return frame
    else:
        times, named = pd.Series(frame.index), [str(frame.index.name or "date").lower()]
    if pd.api.types.is_numeric_dtype(times):
        _fail(
            f"The bars of {symbol} have no dates: {named[0]!r} holds numbers.",
            "Give them a column `date` with dates such as 2024-01-15, or a DatetimeIndex; of a file, say in "
            "sources.csv.dates what its numbers are.",
        )
    if named[0] == "date" and interval == "1d":
        dates = pd.to_datetime(times.astype(str).str.strip().str[:10], errors="coerce", format="%Y-%m-%d")
        frame.index = trading.session_closes(calendar or symbol, _plausible(dates))
    else:
        frame.index = _plausible(pd.to_datetime(times, errors="coerce", utc=True, format="ISO8601"))
    return frame


def _plausible(times: pd.Series) -> pd.DatetimeIndex:
    """The times, NaT where they lie outside the years that calendars and nanoseconds can represent."""
    return pd.DatetimeIndex(times.where(times.dt.year.between(1900, 2200)))


def _normalised(frame: pd.DataFrame, symbol: str) -> pd.DataFrame:
    named = list(frame.columns)
    missing = [name for name in COLUMNS if name not in named]
    if missing:
        _fail(
            f"The bars of {symbol} lack {', '.join(missing)}; they have {', '.join(map(str, named))}.",
            "Provide open, high, low, close and volume.",
            column=missing[0],
        )
    if not isinstance(frame.index, pd.DatetimeIndex) or frame.index.tz is None:
        _fail(
            f"The bars of {symbol} are not indexed by instants with a time zone.",
            "Use Bars.from_frame, or give the index the time zone UTC.",
        )
    columns = [*COLUMNS, *(name for name in EXTRAS if name in named)]
    try:
        values = np.column_stack([frame[name].to_numpy(dtype="float64") for name in columns])
    except (ValueError, TypeError) as error:
        _fail(f"The bars of {symbol} hold text where numbers belong: {error}.", "Mend or remove those rows.")
    return pd.DataFrame(values, frame.index.tz_convert("UTC").as_unit("ns").rename("time"), columns)


def _check(frame: pd.DataFrame, symbol: str) -> None:
    index = pd.DatetimeIndex(frame.index)
    if index.hasnans:
        _fail(f"The bars of {symbol} hold a row without a time.", "Remove rows whose date is no session.")
    wrong_order = np.flatnonzero(np.diff(index.asi8) <= 0)
    if len(wrong_order):
        _fail(
            f"The bars of {symbol} are not strictly increasing in time: {index[wrong_order[0]]} is followed by "
            f"{index[wrong_order[0] + 1]}.",
            "Sort the rows and remove repeated times.",
        )
    values = frame.to_numpy()
    bad = ~np.isfinite(values)
    bad[:, : len(PRICES)] |= values[:, : len(PRICES)] <= 0.0
    bad[:, len(PRICES) :] |= values[:, len(PRICES) :] < 0.0
    high, low = COLUMNS.index("high"), COLUMNS.index("low")
    bad[:, high] |= values[:, high] < values[:, low]
    if bad.any():
        row, column = np.argwhere(bad)[0]
        name, value = str(frame.columns[column]), values[row, column]
        _fail(
            f"The bars of {symbol} have {name} = {value} at {index[row]}.",
            "Prices must be finite and above zero, high at least low, volume finite and not negative.",
            column=name,
            time=index[row].isoformat(),
            value=str(value),
        )
