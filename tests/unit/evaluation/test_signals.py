from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import NightdeskError
from evaluation import Signals, positions_from_actions

INDEX = pd.date_range("2024-01-01", periods=3, tz="UTC")


def series(*values: float, index: pd.Index = INDEX) -> pd.Series:
    return pd.Series(values, index=index)


def test_signals_are_floats_on_one_index():
    signals = Signals(series(0, 1, -1), series(0, 1, 1))
    assert signals.position.dtype == signals.confidence.dtype == "float64"
    assert signals.index.equals(INDEX)
    assert len(signals) == 3


def test_signals_can_be_cut_by_time():
    signals = Signals(series(0.0, 1.0, -1.0), series(0.1, 0.2, 0.3))
    assert signals.since(INDEX[1]).position.tolist() == [1.0, -1.0]
    assert signals.until(INDEX[1]).confidence.tolist() == [0.1, 0.2]


@pytest.mark.parametrize(
    ("position", "confidence", "named"),
    [
        (series(0, 1.5, 0), series(0, 0, 0), r"position is 1\.5 at 2024-01-02"),
        (series(0, float("nan"), 0), series(0, 0, 0), "position is nan at 2024-01-02"),
        (series(0, 0, 0), series(0, 0, -0.1), r"confidence is -0\.1 at 2024-01-03"),
        (series(0, 0, 0), series(0, 0, index=INDEX[:2]), "3 rows and the confidence 2"),
        (series(0, 0, 0), series(0, 0, 0, index=INDEX + pd.Timedelta("1D")), "times are not the same"),
        (series(0, 0, 0, index=INDEX[::-1]), series(0, 0, 0), "position is not strictly increasing"),
        (pd.Series(["buy", "sell", "hold"], index=INDEX), series(0, 0, 0), "no numbers"),
        (np.zeros(3), series(0, 0, 0), "position is a ndarray"),
    ],
)
def test_bad_signals_are_refused_with_the_row_and_a_cure(position, confidence, named):
    with pytest.raises(NightdeskError, match=named) as error:
        Signals(position, confidence)
    assert error.value.code == "signals.invalid"
    assert error.value.cure


def test_hold_keeps_buy_enters_and_sell_exits_or_shorts():
    actions = [0, -1, 1, 0, 1, -1, 0, 1]
    assert positions_from_actions(actions).tolist() == [0, 0, 1, 1, 1, 0, 0, 1]
    assert positions_from_actions(actions, sell="short").tolist() == [0, -1, 1, 1, 1, -1, -1, 1]
    assert positions_from_actions([]).tolist() == []


@pytest.mark.parametrize("actions", [[0, 2], [0.5], ["buy"], [[0, 1]], [float("nan")]])
def test_actions_in_another_coding_are_refused(actions):
    with pytest.raises(NightdeskError, match="-1, 0 and 1"):
        positions_from_actions(actions)


@given(st.lists(st.sampled_from([-1, 0, 1])), st.integers(0, 50), st.sampled_from(["exit", "short"]))
@settings(deadline=None)
def test_positions_depend_on_nothing_later(actions, until, sell):
    whole = positions_from_actions(actions, sell)
    np.testing.assert_array_equal(positions_from_actions(actions[:until], sell), whole[:until])
