"""When bars close."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest

from config.errors import UsageError
from data_pipeline.bars import calendar


@pytest.mark.parametrize(
    ("symbol", "name"),
    [("AAPL", "XNYS"), ("BRK-B", "XNYS"), ("^GSPC", "XNYS"), ("BTC-USD", "24/7"), ("ETH-BTC", "24/7"),
     ("VOD.L", "XLON"), ("7203.T", "XTKS")],
)  # fmt: skip
def test_a_symbol_tells_where_it_trades(symbol: str, name: str) -> None:
    assert calendar.calendar_name(symbol) == name


def test_holidays_have_no_close_and_half_days_an_early_one() -> None:
    closes = calendar.closes("AAPL", "1d", datetime(2024, 11, 27, tzinfo=UTC), datetime(2024, 12, 1, tzinfo=UTC))
    assert [f"{close:%d %H:%M}" for close in closes] == ["27 21:00", "29 18:00"]  # Thanksgiving lies between


def test_the_bars_of_a_day_begin_at_its_open_and_the_last_one_ends_with_it() -> None:
    closes = calendar.closes("AAPL", "1h", datetime(2024, 6, 3, tzinfo=UTC), datetime(2024, 6, 4, tzinfo=UTC))
    assert [f"{close:%H:%M}" for close in closes] == [
        "14:30", "15:30", "16:30", "17:30", "18:30", "19:30", "20:00",
    ]  # fmt: skip


@pytest.mark.parametrize(("interval", "count"), [("1m", 390), ("5m", 78), ("15m", 26), ("30m", 13), ("1h", 7)])
def test_a_session_has_so_many_bars(interval: str, count: int) -> None:
    day = calendar.closes("AAPL", interval, datetime(2024, 6, 3, tzinfo=UTC), datetime(2024, 6, 4, tzinfo=UTC))
    assert len(day) == count
    assert day.is_unique
    assert day.is_monotonic_increasing


def test_the_last_close_and_the_next_one_meet_at_a_close() -> None:
    close = datetime(2024, 6, 3, 20, tzinfo=UTC)
    friday = datetime(2024, 5, 31, 20, tzinfo=UTC)
    assert calendar.last_closed("AAPL", "1d", close) == close
    assert calendar.last_closed("AAPL", "1d", close.replace(hour=19)) == friday
    assert calendar.next_close("AAPL", "1d", friday) == close
    assert calendar.next_close("AAPL", "1d", close) == datetime(2024, 6, 4, 20, tzinfo=UTC)


def test_the_calendar_goes_on_however_late_it_is_asked() -> None:
    assert calendar.last_closed("AAPL", "1d", datetime(2040, 6, 5, 23, tzinfo=UTC)).year == 2040


def test_a_year_is_as_long_as_the_calendar_says() -> None:
    assert calendar.periods_per_year("AAPL", "1d") == 251.5
    assert calendar.periods_per_year("BTC-USD", "1d") == 365.25
    assert calendar.periods_per_year("BTC-USD", "1h") == 365.25 * 24


def test_a_session_date_and_its_close_are_one_to_one() -> None:
    dates = pd.DatetimeIndex(["2024-03-08", "2024-03-09", "2024-03-11"])
    closes = calendar.session_closes("AAPL", dates)
    assert list(closes.isna()) == [False, True, False]
    assert list(calendar.session_dates("AAPL", closes.dropna())) == [dates[0], dates[2]]


def test_an_unknown_interval_is_refused() -> None:
    with pytest.raises(UsageError, match="7m"):
        calendar.closes("AAPL", "7m", datetime(2024, 6, 3, tzinfo=UTC), datetime(2024, 6, 4, tzinfo=UTC))


def test_a_session_bar_opens_with_its_session_and_a_day_of_crypto_when_the_last_one_ends():
    day = pd.DatetimeIndex(["2024-07-02 20:00", "2024-07-03 17:00"], tz="UTC")  # the second is a half day
    assert calendar.opens("AAPL", day).tolist() == [
        pd.Timestamp("2024-07-02 13:30", tz="UTC"),
        pd.Timestamp("2024-07-03 13:30", tz="UTC"),
    ]
    nights = pd.DatetimeIndex(["2024-07-02", "2024-07-03"], tz="UTC")
    assert calendar.opens("BTC-USD", nights)[1] == nights[0]


def test_an_hour_bar_opens_when_the_one_before_it_closed_and_the_first_of_a_day_with_its_session():
    hours = calendar.closes("AAPL", "1h", datetime(2024, 7, 2, 13, tzinfo=UTC), datetime(2024, 7, 3, 15, tzinfo=UTC))
    opened = calendar.opens("AAPL", hours)
    assert opened[:2].tolist() == [pd.Timestamp("2024-07-02 13:30", tz="UTC"), hours[0]]
    assert opened[7] == pd.Timestamp("2024-07-03 13:30", tz="UTC")
