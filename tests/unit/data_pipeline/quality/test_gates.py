"""The first gates: nonsense goes to quarantine with its reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from config.errors import NightdeskError
from data_pipeline.bars.bars import Bars
from data_pipeline.quality import gates as quality
from data_pipeline.sources.sample import SampleSource

NOW = datetime(2024, 6, 14, 23, tzinfo=UTC)


@pytest.fixture
def frame() -> pd.DataFrame:
    return SampleSource().fetch("AAPL", "1d", NOW - timedelta(days=800), NOW).frame.astype(object)


def _put(column: str, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame.iloc[50, frame.columns.get_loc(column)] = value
        return frame

    return change


def _moved(to: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        index = frame.index.to_list()
        index[50] = pd.Timestamp(to) if to is not None else pd.NaT
        return frame.set_axis(pd.DatetimeIndex(index))

    return change


def _crossed(frame: pd.DataFrame) -> pd.DataFrame:
    high, low = frame.columns.get_loc("high"), frame.columns.get_loc("low")
    frame.iloc[50, [high, low]] = frame.iloc[50, [low, high]].to_numpy()
    return frame


def _hundredfold(frame: pd.DataFrame) -> pd.DataFrame:
    frame.iloc[50, :4] = frame.iloc[50, :4] * 150.0
    return frame


def test_good_bars_pass_untouched(frame: pd.DataFrame) -> None:
    report = quality.check(frame, "AAPL", "1d", NOW)
    assert report.counts == {}
    assert report.quarantined.empty
    pd.testing.assert_frame_equal(Bars(report.good, "AAPL").frame, frame.astype("float64"), check_freq=False)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_put("close", np.nan), "not_a_number"),
        (_put("open", "n/a"), "not_a_number"),
        (_put("volume", None), "not_a_number"),
        (_put("high", np.inf), "not_a_number"),
        (_put("volume", 2**63), "too_large"),
        (_put("volume", "9" * 40), "too_large"),
        (_put("close", -1e300), "too_large"),
        (_put("close", "1e999"), "not_a_number"),
        (_put("low", -3.0), "not_positive"),
        (_put("close", 0.0), "not_positive"),
        (_put("volume", -1.0), "not_positive"),
        (_crossed, "high_below_low"),
        (_put("open", 0.5), "outside_range"),
        (_hundredfold, "jump"),
        (_moved("2023-01-01 21:00+00:00"), "no_session"),
        (_moved(None), "no_session"),
        (_moved("2024-06-28 20:00+00:00"), "future"),
        (_moved(NOW.replace(hour=20)), "duplicate"),
    ],
)
def test_one_bad_row_is_set_aside_for_its_reason(
    frame: pd.DataFrame, change: Callable[[pd.DataFrame], pd.DataFrame], reason: str
) -> None:
    report = quality.check(change(frame), "AAPL", "1d", NOW)
    assert report.counts == {reason: 1}
    assert list(report.quarantined["reason"]) == [reason]
    assert len(report.good) == len(frame) - 1
    assert len(Bars(report.good, "AAPL")) == len(frame) - 1


def test_text_that_is_a_number_counts_as_one(frame: pd.DataFrame) -> None:
    report = quality.check(frame.astype(str), "AAPL", "1d", NOW)
    np.testing.assert_array_equal(report.good.to_numpy(), frame.to_numpy(dtype="float64"))


def test_rows_out_of_order_are_put_in_order(frame: pd.DataFrame) -> None:
    report = quality.check(frame.iloc[::-1], "AAPL", "1d", NOW)
    assert report.good.index.is_monotonic_increasing
    assert report.counts == {}


def test_more_than_one_bad_row_in_a_hundred_is_poison(frame: pd.DataFrame) -> None:
    frame.iloc[10:17, 3] = -1.0
    with pytest.raises(NightdeskError, match="AAPL") as caught:
        quality.check(frame, "AAPL", "1d", NOW)
    assert caught.value.code == "data.poison"
    assert caught.value.detail["counts"] == {"not_positive": 7}


def test_a_missing_column_is_named_and_never_a_key_error(frame: pd.DataFrame) -> None:
    with pytest.raises(NightdeskError, match="volume") as caught:
        quality.check(frame.drop(columns="volume"), "AAPL", "1d", NOW)
    assert caught.value.code == "data.schema"


def test_a_column_that_is_there_twice_is_an_error_not_a_guess(frame: pd.DataFrame) -> None:
    twice = pd.concat([frame, frame[["close"]]], axis=1)
    with pytest.raises(NightdeskError, match="name a column twice") as caught:
        quality.check(twice, "AAPL", "1d", NOW)
    assert caught.value.code == "data.schema"


def test_numbers_near_the_largest_there_are_are_compared_without_overflow(frame: pd.DataFrame) -> None:
    frame.iloc[50, :4] = 1.7e308
    assert quality.check(frame, "AAPL", "1d", NOW).counts == {"too_large": 1}


def test_an_amount_that_is_none_is_no_event(frame: pd.DataFrame) -> None:
    amounts = [-1.0, np.inf, 0.25] + [0.0] * (len(frame) - 3)
    assert quality.check(frame.assign(dividends=amounts), "AAPL", "1d", NOW).good["dividends"].sum() == 0.25


def test_an_event_without_a_number_is_no_event(frame: pd.DataFrame) -> None:
    report = quality.check(frame.assign(splits=np.nan, dividends="x"), "AAPL", "1d", NOW)
    assert report.good[["splits", "dividends"]].to_numpy().sum() == 0.0
