"""When bars close: the exchange's sessions, half days and holidays, or every hour of the year for crypto."""

from __future__ import annotations

import re
import warnings
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from config.errors import UsageError

if TYPE_CHECKING:
    from exchange_calendars import ExchangeCalendar

MINUTES = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60}

_CRYPTO = re.compile(r".+-(USD|USDT|USDC|EUR|GBP|JPY|BTC|ETH)")
# Yahoo's suffix of an exchange; a symbol without one trades in New York.
_EXCHANGES = {
    "AS": "XAMS", "AX": "XASX", "BR": "XBRU", "DE": "XETR", "HK": "XHKG", "L": "XLON", "MC": "XMAD",
    "MI": "XMIL", "PA": "XPAR", "SW": "XSWX", "T": "XTKS", "TO": "XTSE",
}  # fmt: skip
_FIRST_YEAR = 1998  # enough for most; asked for earlier bars, the calendar begins earlier
_EARLIEST, _LATEST = {"XTKS": 1997}, 2049  # the years that the calendars cover
_NANOSECOND = pd.Timedelta(1, "ns")
# Four whole years, one of them a leap year, over which the bars of a year are counted.
_TYPICAL = (pd.Timestamp("2016-01-01", tz="UTC"), pd.Timestamp("2020-01-01", tz="UTC"))


def calendar_name(symbol: str) -> str:
    """The calendar a symbol trades by: `24/7` for crypto pairs, else its exchange, else New York."""
    if _CRYPTO.fullmatch(symbol):
        return "24/7"
    return _EXCHANGES.get(symbol.rpartition(".")[2], "XNYS") if "." in symbol else "XNYS"


@lru_cache(maxsize=32)
def _calendar(name: str, first_year: int, last_year: int) -> ExchangeCalendar:
    """A calendar of whole years, cached by its range, so that one built long ago never ends too early."""
    from exchange_calendars import get_calendar  # noqa: PLC0415 -- heavy

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.Pandas4Warning)  # its own way of reading pandas, not ours to mend
        return get_calendar(
            name, start=f"{max(first_year, _EARLIEST.get(name, 1900))}-01-01", end=f"{min(last_year, _LATEST)}-12-31"
        )


def _spanning(symbol: str, start: pd.Timestamp, end: pd.Timestamp) -> ExchangeCalendar:
    last_year = end.year + 10 - end.year % 10  # whole decades, so that nearly every call gets the same cached calendar
    return _calendar(calendar_name(symbol), min(_FIRST_YEAR, start.year - 1), last_year)


def _utc(instant: datetime) -> pd.Timestamp:
    stamp = pd.Timestamp(instant)
    return stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")


def time_zone(symbol: str) -> Any:
    """The time zone whose days are the sessions of `symbol`."""
    return _spanning(symbol, *_TYPICAL).tz


def closes(symbol: str, interval: str, start: datetime, end: datetime) -> pd.DatetimeIndex:
    """The close instants of all bars in [start, end]."""
    first, last = _utc(start), _utc(end)
    calendar = _spanning(symbol, first, last)
    if interval == "1d":
        instants = pd.DatetimeIndex(calendar.closes)
    else:
        instants = _intraday(calendar, _minutes(interval), first, last)
    instants = instants.as_unit("ns").rename("time")
    return instants[instants.searchsorted(first) : instants.searchsorted(last, side="right")]


def knows(interval: str) -> bool:
    """Whether calendars give the closes of bars of this interval."""
    return interval == "1d" or interval in MINUTES


def _minutes(interval: str) -> int:
    if interval not in MINUTES:
        raise UsageError(
            "interval.unknown", f"There are no bars of interval {interval!r}.", f"Use {', '.join(MINUTES)} or 1d."
        )
    return MINUTES[interval]


def _intraday(calendar: ExchangeCalendar, minutes: int, start: pd.Timestamp, end: pd.Timestamp) -> pd.DatetimeIndex:
    """Every session cut into bars from its open; the last bar of a session ends with it, however short it is."""
    day = pd.Timedelta(days=1)
    near = (calendar.closes >= start - day) & (calendar.closes <= end + day)
    opens = pd.DatetimeIndex(calendar.opens[near]).as_unit("ns").asi8
    ends = pd.DatetimeIndex(calendar.closes[near]).as_unit("ns").asi8
    step = minutes * 60_000_000_000
    counts = -(-(ends - opens) // step)
    session = np.repeat(np.arange(len(opens)), counts)
    nth = np.arange(len(session)) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    return pd.DatetimeIndex(np.minimum(opens[session] + nth * step, ends[session]), tz="UTC")


def session_closes(symbol: str, dates: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """The close instant of each session date; NaT where the exchange was closed all day."""
    if dates.isna().all():
        return pd.DatetimeIndex([pd.NaT] * len(dates), tz="UTC", name="time").as_unit("ns")
    calendar = _spanning(symbol, dates.min(), dates.max())
    instants = calendar.closes.reindex(dates.as_unit(calendar.closes.index.unit))
    return pd.DatetimeIndex(instants).as_unit("ns").rename("time")


def session_dates(symbol: str, instants: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """The session each close instant belongs to: the local date a moment before it."""
    return wall_times(symbol, instants).normalize().rename("date")


def wall_times(symbol: str, instants: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """The last moment of bars with these close instants, on the clock of the exchange, without a zone."""
    return (instants - _NANOSECOND).tz_convert(time_zone(symbol)).tz_localize(None)


def opens(symbol: str, times: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """When the bars with these close instants opened: with their session, or when the bar before them closed."""
    calendar = _spanning(symbol, times[0], times[-1])
    session = pd.DatetimeIndex(calendar.closes).as_unit("ns").searchsorted(times)
    begun = pd.DatetimeIndex(calendar.opens).as_unit("ns").asi8[session]
    return pd.DatetimeIndex(np.maximum(begun, np.append(begun[:1], times.asi8[:-1])), tz="UTC")


def last_closed(symbol: str, interval: str, now: datetime) -> datetime:
    """The newest close instant that is not after `now`."""
    return _plain(closes(symbol, interval, _utc(now) - pd.Timedelta(days=15), now)[-1])


def next_close(symbol: str, interval: str, after: datetime) -> datetime:
    """The first close instant after `after`."""
    moment = _utc(after)
    return _plain(closes(symbol, interval, moment + _NANOSECOND, moment + pd.Timedelta(days=15))[0])


def _plain(instant: pd.Timestamp) -> datetime:
    """The instant as the standard library's datetime, for databases and JSON."""
    return datetime.fromtimestamp(instant.timestamp(), UTC)


@lru_cache(maxsize=64)
def periods_per_year(symbol: str, interval: str) -> float:
    """How many bars a year has, counted on the symbol's calendar."""
    return len(closes(symbol, interval, _TYPICAL[0] + _NANOSECOND, _TYPICAL[1])) / 4
