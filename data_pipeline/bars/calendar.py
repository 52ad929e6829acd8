"""When bars close: by the sessions, half days and holidays of an exchange, the week of currencies, or around the clock.

Every function takes a symbol, whose calendar is then the one that Yahoo's way of writing it tells, or a
`TradingCalendar` (that of `Bars` is `bars.calendar`). Before the first year that a calendar covers, and after the last,
every weekday counts as a session, with the hours of the nearest session that is known: an old history is taken whole.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from config.calendars import WEEKDAYS, Calendars, TradingCalendar
from config.errors import UsageError

if TYPE_CHECKING:
    from exchange_calendars import ExchangeCalendar

MINUTES = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60}

_FIRST_YEAR = 1998  # enough for most; asked for earlier bars, the calendar begins earlier
_EARLIEST, _LATEST = 1900, 2049  # the years that calendars without limits of their own are asked for
_NANOSECOND = pd.Timedelta(1, "ns")
# Where sessions begin on the evening before their date: how long before midnight a date ends, on the local clock.
_NEXT_DATE = {WEEKDAYS: pd.Timedelta(hours=7), "CMES": pd.Timedelta(hours=7), "us_futures": pd.Timedelta(hours=6),
              "IEPA": pd.Timedelta(hours=6)}  # fmt: skip
# Four whole years, one of them a leap year, over which the bars of a year are counted.
_TYPICAL = (pd.Timestamp("2016-01-01", tz="UTC"), pd.Timestamp("2020-01-01", tz="UTC"))

Traded = str | TradingCalendar


@dataclass(frozen=True, eq=False)
class _Sessions:
    """The sessions of some years: their dates, and when each opens and closes (UTC)."""

    dates: pd.DatetimeIndex
    opens: pd.DatetimeIndex
    closes: pd.DatetimeIndex
    tz: tzinfo


def calendar_name(traded: Traded) -> str:
    """The code of the calendar: `24/7` for crypto pairs, `24/5` for exchange rates, else that of the exchange."""
    return traded.code if isinstance(traded, TradingCalendar) else Calendars().of(traded).code


@lru_cache(maxsize=64)
def _sessions(name: str, first_year: int, last_year: int) -> _Sessions:
    """The sessions of whole years, cached by their range, so that one built long ago never ends too early."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.Pandas4Warning)  # its own way of reading pandas, not ours to mend
        exchange = _library_calendar(name, first_year, last_year)
    dates = pd.DatetimeIndex(exchange.closes.index).as_unit("ns")
    opens, closes = (pd.DatetimeIndex(each).as_unit("ns") for each in (exchange.opens, exchange.closes))
    before = _weekdays(exchange, pd.Timestamp(first_year, 1, 1), dates[0], 0)
    after = _weekdays(exchange, dates[-1] + pd.Timedelta(days=1), pd.Timestamp(last_year + 1, 1, 1), -1)
    parts = (before, _Sessions(dates, opens, closes, exchange.tz), after)
    dates, opens, closes = (
        pd.DatetimeIndex(np.concatenate([getattr(part, each).asi8 for part in parts])).as_unit("ns")
        for each in ("dates", "opens", "closes")
    )
    return _Sessions(dates, opens.tz_localize("UTC"), closes.tz_localize("UTC"), exchange.tz)


def _library_calendar(name: str, first_year: int, last_year: int) -> ExchangeCalendar:
    """The calendar of the library, over as many of these years as it covers."""
    from exchange_calendars import get_calendar  # noqa: PLC0415 -- heavy
    from exchange_calendars.calendar_utils import global_calendar_dispatcher  # noqa: PLC0415

    if name == WEEKDAYS:
        from data_pipeline.bars.currency_week import CurrencyWeek  # noqa: PLC0415 -- heavy

        return CurrencyWeek(start=f"{first_year}-01-01", end=f"{last_year}-12-31")
    from data_pipeline.bars.library_offsets import lead_pandas_to_library_offsets  # noqa: PLC0415 -- heavy

    lead_pandas_to_library_offsets()
    kind = global_calendar_dispatcher._calendar_factories[name]  # noqa: SLF001 -- it tells its bounds nowhere else
    earliest, latest = kind.bound_min(), kind.bound_max()
    start = max(pd.Timestamp(max(first_year, _EARLIEST), 1, 1), earliest or pd.Timestamp(_EARLIEST, 1, 1))
    end = min(pd.Timestamp(min(last_year, _LATEST), 12, 31), latest or pd.Timestamp(_LATEST, 12, 31))
    # Years that it does not cover at all are made of weekdays, by the hours of its nearest year.
    year = pd.Timedelta(days=365)
    if end < start + year:
        start, end = (start, start + year) if start == earliest else (end - year, end)
    return get_calendar(name, start=start, end=end)


def _weekdays(exchange: ExchangeCalendar, first: pd.Timestamp, end: pd.Timestamp, nearest: int) -> _Sessions:
    """A session on every weekday of [first, end), with the local hours of the first or last session that is known."""
    dates = pd.date_range(first, end, freq="D", inclusive="left", unit="ns")
    dates = dates[[exchange.weekmask[day] == "1" for day in dates.day_of_week]]

    def at(instants: pd.Series) -> pd.DatetimeIndex:
        local = pd.Timestamp(instants.iloc[nearest]).tz_convert(exchange.tz).tz_localize(None)
        hours = local - exchange.closes.index[nearest]
        zoned = (dates + hours).tz_localize(
            exchange.tz, ambiguous=np.ones(len(dates), bool), nonexistent="shift_forward"
        )
        return pd.DatetimeIndex(zoned.tz_convert("UTC").as_unit("ns"))

    return _Sessions(dates, at(exchange.opens), at(exchange.closes), exchange.tz)


def _spanning(traded: Traded, start: pd.Timestamp, end: pd.Timestamp) -> _Sessions:
    last_year = end.year + 10 - end.year % 10  # whole decades, so that nearly every call gets the same cached sessions
    return _sessions(calendar_name(traded), min(_FIRST_YEAR, start.year - 1), last_year)


def _utc(instant: datetime) -> pd.Timestamp:
    stamp = pd.Timestamp(instant)
    return stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")


def time_zone(traded: Traded) -> tzinfo:
    """The time zone on whose clock the exchange opens and closes."""
    return _spanning(traded, *_TYPICAL).tz


def closes(traded: Traded, interval: str, start: datetime, end: datetime) -> pd.DatetimeIndex:
    """The close instants of all bars in [start, end]."""
    first, last = _utc(start), _utc(end)
    sessions = _spanning(traded, first, last)
    instants = sessions.closes if interval == "1d" else _intraday(sessions, _minutes(interval), first, last)
    instants = instants.rename("time")
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


def _intraday(sessions: _Sessions, minutes: int, start: pd.Timestamp, end: pd.Timestamp) -> pd.DatetimeIndex:
    """Every session cut into bars from its open; the last bar of a session ends with it, however short it is."""
    day = pd.Timedelta(days=1)
    near = (sessions.closes >= start - day) & (sessions.closes <= end + day)
    opens, ends = sessions.opens[near].asi8, sessions.closes[near].asi8
    step = minutes * 60_000_000_000
    counts = -(-(ends - opens) // step)
    session = np.repeat(np.arange(len(opens)), counts)
    nth = np.arange(len(session)) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    return pd.DatetimeIndex(np.minimum(opens[session] + nth * step, ends[session]), tz="UTC")


def session_closes(traded: Traded, dates: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """The close instant of each session date; NaT where the exchange was closed all day."""
    if dates.isna().all():
        return pd.DatetimeIndex([pd.NaT] * len(dates), tz="UTC", name="time").as_unit("ns")
    sessions = _spanning(traded, dates.min(), dates.max())
    instants = pd.Series(sessions.closes, sessions.dates).reindex(dates.as_unit("ns"))
    return pd.DatetimeIndex(instants).as_unit("ns").rename("time")


def session_dates(traded: Traded, instants: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """The session each close instant belongs to: the local date a moment before it, or the next if it began then."""
    next_date = _NEXT_DATE.get(calendar_name(traded), pd.Timedelta(0))
    return (wall_times(traded, instants) + next_date).normalize().rename("date")


def wall_times(traded: Traded, instants: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """The last moment of bars with these close instants, on the clock of the exchange, without a zone."""
    return (instants - _NANOSECOND).tz_convert(time_zone(traded)).tz_localize(None)


def opens(traded: Traded, times: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """When the bars with these close instants opened: with their session, or when the bar before them closed."""
    sessions = _spanning(traded, times[0], times[-1])
    begun = sessions.opens.asi8[sessions.closes.searchsorted(times)]
    return pd.DatetimeIndex(np.maximum(begun, np.append(begun[:1], times.asi8[:-1])), tz="UTC")


def last_closed(traded: Traded, interval: str, now: datetime) -> datetime:
    """The newest close instant that is not after `now`."""
    return _plain(closes(traded, interval, _utc(now) - pd.Timedelta(days=15), now)[-1])


def next_close(traded: Traded, interval: str, after: datetime) -> datetime:
    """The first close instant after `after`."""
    moment = _utc(after)
    return _plain(closes(traded, interval, moment + _NANOSECOND, moment + pd.Timedelta(days=15))[0])


def _plain(instant: pd.Timestamp) -> datetime:
    """The instant as the standard library's datetime, for databases and JSON."""
    return datetime.fromtimestamp(instant.timestamp(), UTC)


@lru_cache(maxsize=64)
def periods_per_year(traded: Traded, interval: str) -> float:
    """How many bars a year has, counted on the calendar."""
    return len(closes(traded, interval, _TYPICAL[0] + _NANOSECOND, _TYPICAL[1])) / 4
