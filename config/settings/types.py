"""Types of single settings: what their text must look like, and what it becomes."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from config.calendars import is_calendar
from config.names import is_trader, reserved_folder

LOG_CHANNEL = "log"  # the channel that every alert goes to

Interval = Literal["1m", "5m", "15m", "30m", "1h", "1d"]

_DURATION = re.compile(r"(\d{1,8}(?:\.\d{1,6})?)\s*([dhms])")
_NAMED = 10  # repeated names that an error lists
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}
_FREQUENCIES = {"hourly": "1h", "daily": "1d", "weekly": "7d"}


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        match = _DURATION.fullmatch(_FREQUENCIES.get(value, value))
        if not match:
            raise ValueError("must be a duration such as 30s, 15m, 6h, 7d, or hourly, daily, weekly")
        return float(match[1]) * _UNITS[match[2]]
    return value


def _duration_text(value: timedelta) -> str:
    for name, unit in _UNITS.items():
        if value % unit == timedelta(0):
            return f"{value // unit}{name}"
    return f"{value.total_seconds():.6f}s"


def _in_range(value: timedelta) -> timedelta:
    if not timedelta(0) < value <= timedelta(days=1000):
        raise ValueError("must be longer than zero, and 1000d at most")
    return value


def _at_least_a_second(value: timedelta) -> timedelta:
    if value < timedelta(seconds=1):
        raise ValueError("must be 1s or longer")
    return value


def _clock_time(value: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        raise ValueError("must be a time of day such as 02:00")
    return value


def _cron(value: str) -> str:
    fields = value.split()
    if len(fields) != 5 or not all(re.fullmatch(r"[\w*/,-]+", field) for field in fields):
        raise ValueError("must be five cron fields: minute, hour, day, month, weekday, such as 30 4 * * sun")
    if re.search(r"\d", fields[4].partition("/")[0]):
        raise ValueError("must name its weekdays (mon, tue, ...), because cron programs number them differently")
    return value


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError("must be a time zone such as UTC or America/New_York") from error
    return value


def _symbol(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9^][A-Za-z0-9.^=-]{0,31}", value) or ".." in value:
        raise ValueError("must be a symbol such as AAPL, BTC-USD or ^GSPC")
    if reserved_folder(value):
        raise ValueError(
            "would share its folder with the desk's own files or with a trader's; "
            "pull it from a csv source under another name"
        )
    return value


def _calendar(value: str) -> str:
    if not is_calendar(value):
        raise ValueError("must be 24/5, 24/7, or the code of an exchange that exchange_calendars knows, such as XLON")
    return value


def _trader(value: str) -> str:
    if not is_trader(value):
        raise ValueError("must be the address of a trader: 0x and up to 40 hexadecimal digits, such as 0x6031")
    return value


def _channel_name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", value) or value == LOG_CHANNEL:
        raise ValueError(f"must be a short name such as webhook or on-call, other than {LOG_CHANNEL}")
    return value


def no_repeats(values: tuple[str, ...]) -> tuple[str, ...]:
    """The values, unless one of them occurs twice."""
    repeated = sorted(value for value, times in Counter(values).items() if times > 1)
    if repeated:
        named = f"{', '.join(repeated[:_NAMED])}{' and others' if len(repeated) > _NAMED else ''}"
        raise ValueError(f"names {named} more than once")
    return values


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    AfterValidator(_in_range),
    PlainSerializer(_duration_text, return_type=str, when_used="json"),
]
Period = Annotated[Duration, AfterValidator(_at_least_a_second)]
Cron = Annotated[str, AfterValidator(_cron)]
ClockTime = Annotated[str, AfterValidator(_clock_time)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
Symbol = Annotated[str, AfterValidator(_symbol)]
CalendarCode = Annotated[str, AfterValidator(_calendar)]
Trader = Annotated[str, AfterValidator(_trader)]
ChannelName = Annotated[str, AfterValidator(_channel_name)]
Name = TypeVar("Name", bound=str)
Names = Annotated[tuple[Name, ...], Field(min_length=1, strict=False), AfterValidator(no_repeats)]
Rate = Annotated[float, Field(ge=0.0, lt=1.0)]
