"""Calendars of the world: bars on the sessions of their own exchange pass the gates, and a year has its own length.

The holidays below are those that the exchanges published, not the library's.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from config.calendars import EXCHANGES, Calendars, TradingCalendar
from config.paths import Home
from config.settings import Sources
from data_pipeline.bars import calendar
from data_pipeline.bars.bars import Bars
from data_pipeline.bars.store import BarStore
from data_pipeline.pulls.update import Update, update_symbol
from evaluation.accounting.inputs import bars_a_year

NOW = datetime(2024, 4, 30, 23, 30, tzinfo=UTC)
# January to April 2024: weekdays on which each exchange was closed all day.
HOLIDAYS = {
    "^N225": "01-01 01-02 01-03 01-08 02-12 02-23 03-20 04-29",
    "RELIANCE.NS": "01-22 01-26 03-08 03-25 03-29 04-11 04-17",
    "005930.KS": "01-01 02-09 02-12 03-01 04-10",
    "^FTSE": "01-01 03-29 04-01",
    "EURUSD=X": "",
}
CLOSES = {"^N225": "06:00", "RELIANCE.NS": "10:00", "005930.KS": "06:30", "^FTSE": "16:30", "EURUSD=X": "22:00"}


def _write(folder: Path, symbol: str, column: str, times: list[str]) -> None:
    price = 100.0 + np.arange(len(times)) * 0.01
    frame = pd.DataFrame({column: times, "open": price, "high": price, "low": price, "close": price, "volume": 1.0})
    frame.to_csv(folder / f"{symbol}.csv", index=False)


def _update(  # noqa: PLR0917
    home: Home, folder: Path, symbol: str, interval: str, now: datetime, code: str | None = None
) -> Update:
    calendars = Calendars({symbol: code} if code else {})
    return update_symbol(home, Sources(bars="csv", csv_folder=str(folder)), symbol, interval, now, calendars=calendars)


@pytest.mark.parametrize("symbol", HOLIDAYS)
def test_daily_bars_on_the_sessions_of_their_own_exchange_are_all_taken(
    home: Home, tmp_path: Path, symbol: str
) -> None:
    closed = [f"2024-{day}" for day in HOLIDAYS[symbol].split()]
    days = pd.bdate_range("2024-01-01", "2024-04-30").difference(pd.DatetimeIndex(closed))
    _write(tmp_path, symbol, "date", [f"{day:%Y-%m-%d}" for day in days])
    update = _update(home, tmp_path, symbol, "1d", NOW)
    assert (update.quarantined, update.new_rows, update.health.completeness) == ({}, len(days), 1.0)
    bars = BarStore(home).load(symbol, "1d", "csv")
    assert f"{bars.frame.index[5]:%H:%M}" == CLOSES[symbol]
    assert bars.dates.tolist() == days.tolist()


def test_hourly_exchange_rates_are_taken_from_sunday_evening_to_friday_evening(home: Home, tmp_path: Path) -> None:
    week = pd.date_range("2024-01-07 23:00", "2024-01-12 22:00", freq="h", tz="UTC")  # 17:00 in New York is 22:00
    _write(tmp_path, "EURUSD=X", "time", [time.isoformat() for time in week])
    update = _update(home, tmp_path, "EURUSD=X", "1h", datetime(2024, 1, 13, tzinfo=UTC))
    assert (update.quarantined, update.new_rows, update.fresh) == ({}, 120, True)
    assert BarStore(home).load("EURUSD=X", "1h", "csv").dates.unique().day.tolist() == [8, 9, 10, 11, 12]


def test_a_year_has_as_many_bars_as_its_calendar() -> None:
    frame = pd.DataFrame({name: [1.0, 1.0] for name in ("open", "high", "low", "close", "volume")})
    hours = calendar.closes("EURUSD=X", "1h", NOW - timedelta(days=1), NOW)[:2]
    assert bars_a_year(Bars(frame.set_axis(hours), "EURUSD=X", "1h")) == pytest.approx(260.75 * 24)
    assert bars_a_year(Bars(frame.set_axis(hours), "OURS", "1h", named_calendar=TradingCalendar("24/7"))) == 365.25 * 24
    assert calendar.periods_per_year("RELIANCE.NS", "1d") == 245.5


def test_a_calendar_that_the_owner_names_holds_for_stored_bars_too(home: Home, tmp_path: Path) -> None:
    days = pd.date_range("2024-04-01", "2024-04-30")
    _write(tmp_path, "COIN", "date", [f"{day:%Y-%m-%d}" for day in days])
    first = _update(home, tmp_path, "COIN", "1d", datetime(2024, 5, 1, 1, tzinfo=UTC), "24/7")
    assert (first.new_rows, first.quarantined) == (30, {})
    assert BarStore(home).load("COIN", "1d", "csv").calendar == TradingCalendar("24/7")


def test_naming_another_calendar_later_reaches_what_is_stored(home: Home, tmp_path: Path) -> None:
    _write(tmp_path, "OURS", "date", [f"{day:%Y-%m-%d}" for day in pd.bdate_range("2024-04-02", "2024-04-26")])
    _update(home, tmp_path, "OURS", "1d", NOW)
    assert BarStore(home).load("OURS", "1d", "csv").calendar == TradingCalendar("XNYS")
    _write(tmp_path, "OURS", "time", [f"2024-04-{day:02} 20:00Z" for day in range(2, 27) if day % 7 not in (6, 0)])
    _update(home, tmp_path, "OURS", "1d", NOW, "XTSE")
    assert BarStore(home).load("OURS", "1d", "csv").calendar == TradingCalendar("XTSE")


# One of each kind: early closes, a lunch break, six sessions a week, and no sessions at all.
KINDS = {"XNYS", "XHKG", "XTAE", "24/5", "24/7"}


@pytest.mark.parametrize(
    "code",
    [
        code if code in KINDS else pytest.param(code, marks=pytest.mark.slow)
        for code in sorted(EXCHANGES | {"24/5", "24/7"})
    ],
)
def test_sessions_and_their_closes_are_one_to_one_in_every_calendar(code: str) -> None:
    traded = TradingCalendar(code)
    closes = calendar.closes(traded, "1d", datetime(2015, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC))
    dates = calendar.session_dates(traded, closes)
    assert dates.is_unique
    assert (calendar.session_closes(traded, dates) == closes).all()
    assert 240 < calendar.periods_per_year(traded, "1d") < 366


def test_weekdays_are_sessions_before_and_after_the_years_that_a_calendar_covers() -> None:
    old = calendar.session_closes("RELIANCE.NS", pd.DatetimeIndex(["1985-03-14", "1985-03-16"]))
    assert old.isna().tolist() == [False, True]  # a Thursday and a Saturday
    assert calendar.next_close("RELIANCE.NS", "1d", datetime(2039, 12, 31, 12, tzinfo=UTC)).year == 2040


def test_the_working_week_of_tel_aviv_changed_in_2026() -> None:
    sunday_2024, sunday_2026 = pd.Timestamp("2024-04-07"), pd.Timestamp("2026-04-12")
    closes = calendar.session_closes("TEVA.TA", pd.DatetimeIndex([sunday_2024, sunday_2026]))
    assert closes.isna().tolist() == [False, True]
