"""Bars check themselves once, and say what is wrong, where, and what to do."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from config.errors import NightdeskError
from data_pipeline.bars.bars import Bars


def _frame(n: int = 5) -> pd.DataFrame:
    index = pd.date_range("2024-01-02 21:00", periods=n, tz="UTC", freq="D", name="time")
    rows = [[10.0 + i, 11.0 + i, 9.0 + i, 10.5 + i, 100.0] for i in range(n)]
    return pd.DataFrame(rows, columns=["open", "high", "low", "close", "volume"], index=index)


def _error(frame: pd.DataFrame) -> NightdeskError:
    with pytest.raises(NightdeskError) as caught:
        Bars(frame, "AAPL")
    assert caught.value.code == "bars.invalid"
    assert "AAPL" in caught.value.message
    assert caught.value.cure
    return caught.value


@pytest.mark.parametrize(
    ("column", "value"),
    [("close", np.nan), ("open", -1.0), ("low", 0.0), ("high", np.inf), ("volume", -5.0), ("volume", np.nan)],
)
def test_an_impossible_value_is_refused_with_its_column_and_time(column: str, value: float) -> None:
    frame = _frame()
    frame.loc[frame.index[2], column] = value
    error = _error(frame)
    assert (error.detail["column"], error.detail["time"]) == (column, frame.index[2].isoformat())
    assert str(value) in error.message


def test_a_high_below_its_low_is_refused() -> None:
    frame = _frame()
    frame.loc[frame.index[1], "high"] = 1.0
    assert _error(frame).detail["column"] == "high"


def test_times_that_repeat_or_go_back_are_refused() -> None:
    frame = _frame()
    assert "strictly increasing" in _error(frame.iloc[[0, 1, 1, 2]]).message
    assert "strictly increasing" in _error(frame.iloc[::-1]).message


def test_a_missing_column_is_named_and_so_are_those_that_are_there() -> None:
    error = _error(_frame().drop(columns="volume"))
    assert "volume" in error.message
    assert "close" in error.message


def test_text_in_numbers_is_refused() -> None:
    frame = _frame().astype(object)
    frame.iloc[0, 3] = "12,5"
    assert "12,5" in _error(frame).message


def test_times_without_a_zone_are_refused() -> None:
    assert "time zone" in _error(_frame().tz_localize(None)).message


def test_changing_the_frame_bars_were_made_of_does_not_change_the_bars() -> None:
    frame = _frame()
    bars = Bars(frame, "AAPL")
    before = bars.fingerprint()
    frame.iloc[0, 0] = 999.0
    assert bars.fingerprint() == before


def test_until_and_since_include_the_bar_at_that_instant() -> None:
    bars = Bars(_frame(), "AAPL")
    instant = datetime(2024, 1, 4, 21, tzinfo=UTC)
    assert len(bars.until(instant)) == 3
    assert len(bars.since(instant)) == 3
    assert [len(part) for part in (bars.head(2), bars.tail(2), bars.head(0))] == [2, 2, 0]


def test_the_date_of_a_bar_is_the_local_date_of_its_session() -> None:
    assert str(Bars(_frame(1), "AAPL").dates[0].date()) == "2024-01-02"
    midnight = _frame(1).set_axis(pd.DatetimeIndex(["2024-01-03"], tz="UTC", name="time"))
    assert str(Bars(midnight, "BTC-USD").dates[0].date()) == "2024-01-02"


def test_equal_content_has_equal_fingerprints_and_one_changed_bit_another() -> None:
    bars = Bars(_frame(), "AAPL")
    changed = _frame()
    changed.iloc[3, 3] = np.nextafter(changed.iloc[3, 3], np.inf)
    assert bars.fingerprint() == Bars(_frame(), "MSFT", "1d", "elsewhere").fingerprint()
    assert bars.fingerprint() != Bars(changed, "AAPL").fingerprint()
    assert bars.fingerprint() != bars.head(4).fingerprint()


@pytest.mark.parametrize("name", ["date", "Date", " DATE "])
def test_a_column_of_session_dates_becomes_the_instants_of_their_closes(name: str) -> None:
    frame = _frame(3).reset_index(drop=True).rename(columns=str.title)
    frame.insert(0, name, ["2024-07-02", "2024-07-03", "2024-07-05"])
    bars = Bars.from_frame(frame, symbol="AAPL")
    assert [f"{time:%d %H:%M}" for time in bars.frame.index] == ["02 20:00", "03 17:00", "05 20:00"]


def test_a_date_without_a_session_is_refused() -> None:
    frame = _frame(2).reset_index(drop=True).assign(date=["2024-01-05", "2024-01-06"])
    with pytest.raises(NightdeskError, match="session"):
        Bars.from_frame(frame, symbol="AAPL")


def test_numbers_where_dates_belong_are_refused() -> None:
    with pytest.raises(NightdeskError, match="no dates"):
        Bars.from_frame(_frame(2).reset_index(drop=True), symbol="AAPL")


def test_dividends_and_splits_are_kept_and_anything_else_is_left_out() -> None:
    bars = Bars(_frame().assign(splits=0.0, dividends=0.1, adjusted=1.0), "AAPL")
    assert list(bars.frame.columns) == ["open", "high", "low", "close", "volume", "dividends", "splits"]
