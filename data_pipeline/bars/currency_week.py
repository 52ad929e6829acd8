"""The week of currencies: open without a break from Sunday to Friday, 17:00 in New York."""

from __future__ import annotations

from datetime import time, tzinfo
from zoneinfo import ZoneInfo

from exchange_calendars import ExchangeCalendar

_FIVE_IN_NEW_YORK = ((None, time(17)),)


class CurrencyWeek(ExchangeCalendar):  # type: ignore[misc]
    """A session for each weekday, from 17:00 in New York on the evening before to 17:00: the week of banks.

    The library's own `24/5` runs from midnight to midnight UTC, and so lacks Sunday evening, when Asia is at work.
    Holidays are sessions, too: brokers differ in which they keep, and a session without bars refuses nothing.
    """

    @property
    def name(self) -> str:
        """Its code."""
        return "24/5"

    @property
    def tz(self) -> tzinfo:
        """New York."""
        return ZoneInfo("America/New_York")

    @property
    def open_times(self) -> tuple[tuple[None, time], ...]:
        """When sessions open, since ever."""
        return _FIVE_IN_NEW_YORK

    @property
    def close_times(self) -> tuple[tuple[None, time], ...]:
        """When sessions close, since ever."""
        return _FIVE_IN_NEW_YORK

    @property
    def open_offset(self) -> int:
        """Sessions open on the day before their date."""
        return -1
