"""The Data Health Index: between 0 and 1, lowered by what is missing, late, impossible or unlikely."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import NightdeskError
from data_pipeline.bars import calendar
from data_pipeline.bars.bars import Bars
from data_pipeline.quality.health import WEIGHTS, WINDOW, at_bars, daily, marks, measure
from data_pipeline.sources.sample import SampleSource

NOW = datetime(2024, 6, 14, 23, tzinfo=UTC)  # a Friday evening
BARS = SampleSource().fetch("AAPL", "1d", NOW - timedelta(days=500), NOW)
Change = Callable[[pd.DataFrame], pd.DataFrame]


def _with(change: Change) -> Bars:
    return Bars(change(BARS.frame.copy()), "AAPL")


def _put(rows: slice, column: str, value: float) -> Change:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame.iloc[rows, frame.columns.get_loc(column)] = value
        return frame

    return change


def _still(frame: pd.DataFrame) -> pd.DataFrame:
    frame.iloc[-10:-3] = frame.iloc[-10].to_numpy()
    return frame


def _leap(frame: pd.DataFrame) -> pd.DataFrame:
    frame.iloc[-5, :4] *= 2.0
    return frame


def _open_beyond(frame: pd.DataFrame) -> pd.DataFrame:
    frame.iloc[-5, 0] = frame.iloc[-5, 1] * 1.005
    return frame


def test_whole_and_fresh_bars_are_in_perfect_health() -> None:
    health = measure(BARS, NOW)
    assert health.warnings == {}
    assert health.to_dict() == {"index": 1.0, **dict.fromkeys(WEIGHTS, 1.0), "warnings": {}}


def test_the_weights_are_those_that_are_documented_and_add_up() -> None:
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)
    row = daily(_with(lambda frame: frame.drop(frame.index[-3])), NOW).iloc[-1]
    assert row["index"] == pytest.approx(sum(weight * row[name] for name, weight in WEIGHTS.items()))


@pytest.mark.parametrize(
    ("change", "warnings", "part", "value"),
    [
        (lambda frame: frame.drop(frame.index[[-3, -9]]), {"gap": 2}, "completeness", 1 - 2 / WINDOW),
        (lambda frame: frame.iloc[:-3], {"stale": 3}, "freshness", 1 / 4),
        (_put(slice(-9, -2), "volume", 0.0), {"no_volume": 3}, "validity", 1 - 3 / WINDOW),
        (_open_beyond, {"outside_range": 1}, "validity", 1 - 1 / WINDOW),
        (_still, {"frozen": 3}, "consistency", 1 - 3 / WINDOW),
        (_leap, {"outlier": 2}, "consistency", 1 - 2 / WINDOW),  # there and back
    ],
)
def test_each_fault_has_its_warning_and_lowers_its_part(
    change: Change, warnings: dict[str, int], part: str, value: float
) -> None:
    health = measure(_with(change), NOW)
    assert health.warnings == warnings
    assert getattr(health, part) == pytest.approx(value)
    assert health.index < 1.0


def test_four_bars_without_trades_are_no_run_and_an_index_never_trades() -> None:
    assert measure(_with(_put(slice(-9, -5), "volume", 0.0)), NOW).warnings == {}
    assert measure(_with(_put(slice(None), "volume", 0.0)), NOW).warnings == {}


def test_an_old_gap_is_still_a_warning_and_no_longer_lowers_the_index() -> None:
    health = measure(_with(lambda frame: frame.drop(frame.index[50])), NOW)
    assert health.warnings == {"gap": 1}
    assert health.index == 1.0


def test_there_is_a_number_for_every_session_until_now() -> None:
    series = daily(_with(lambda frame: frame.iloc[:-3].drop(frame.index[100])), NOW)
    closes = calendar.closes("AAPL", "1d", BARS.frame.index[0], NOW)
    assert list(series.index) == list(calendar.session_dates("AAPL", closes))
    assert series.loc["2024-06-12":"2024-06-14", "freshness"].tolist() == [1 / 2, 1 / 3, 1 / 4]
    assert series["completeness"].iloc[100] == pytest.approx(1 - 1 / WINDOW)


def test_short_bars_are_counted_by_session() -> None:
    bars = SampleSource().fetch("AAPL", "1h", NOW - timedelta(days=20), NOW)
    assert measure(bars, NOW).index == 1.0
    series = daily(Bars(bars.frame.iloc[:-7], "AAPL", "1h"), NOW)
    assert len(series) == len(set(bars.dates))
    assert series["freshness"].iloc[-1] == pytest.approx(0.5)


def test_no_bar_that_closes_after_now_is_returned() -> None:
    assert measure(BARS, NOW - timedelta(days=900)).index == pytest.approx(1.0)


@given(
    dropped=st.sets(st.integers(1, len(BARS) - 1), max_size=40),
    silent=st.integers(0, len(BARS)),
    leaps=st.lists(st.tuples(st.integers(0, len(BARS) - 1), st.floats(0.2, 5.0)), max_size=5),
    cut=st.integers(1, len(BARS)),
)
def test_no_session_learns_from_a_later_one_and_every_number_is_a_share(
    dropped: set[int], silent: int, leaps: list[tuple[int, float]], cut: int
) -> None:
    frame = BARS.frame.copy()
    frame.iloc[silent : silent + 12, 4] = 0.0
    for row, factor in leaps:
        frame.iloc[row, :4] *= factor
    bars = Bars(frame.drop(frame.index[sorted(dropped)]), "AAPL")
    at = BARS.frame.index[cut - 1]
    whole, early = daily(bars, NOW), daily(bars.until(at), at)
    assert ((whole >= 0.0) & (whole <= 1.0 + 1e-12)).all().all()
    np.testing.assert_array_equal(early, whole.loc[early.index])
    np.testing.assert_array_equal(marks(bars.until(at)), marks(bars).loc[:at])


def test_no_bars_have_no_health():
    for ask in (measure, daily):
        with pytest.raises(NightdeskError, match="AAPL has no bars"):
            ask(BARS.head(0), NOW)
    assert at_bars(BARS.head(0)).empty
