"""What is held: as it stands, and replayed from what was decided."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import UsageError
from data_pipeline.policy_states.portfolio import Holding

DAYS = st.lists(st.integers(1, 40), min_size=1, max_size=30)


def test_without_a_trade_the_holding_is_cash() -> None:
    assert Holding().columns(2).tolist() == [[0.0, 0.0, 1.0, 1.0]] * 2


def test_a_short_sale_brings_money() -> None:
    assert Holding.of(-0.5, 3.0).columns(1)[0].tolist() == [-0.5, 0.5, 1.5, math.tanh(0.1)]


def test_a_replayed_position_is_that_of_the_bar_before_and_grows_older_until_the_next_trade() -> None:
    index = pd.to_datetime(["2024-01-05", "2024-01-08", "2024-01-09", "2024-01-10", "2024-01-11"], utc=True)
    holding = Holding.replayed(pd.Series([1.0, 1.0, -0.5, -0.5, 0.0], index))
    assert np.asarray(holding.position).tolist() == [0.0, 1.0, 1.0, -0.5, -0.5]
    assert np.asarray(holding.leverage).tolist() == [0.0, 1.0, 1.0, 0.5, 0.5]
    assert np.asarray(holding.cash).tolist() == [1.0, 0.0, 0.0, 1.5, 1.5]
    assert np.asarray(holding.days_since_trade).tolist() == [math.inf, 3.0, 4.0, 1.0, 2.0]


@given(DAYS, st.data())
def test_a_replay_equals_a_plain_loop(gaps: list[int], data: st.DataObject) -> None:
    index = pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(np.cumsum(gaps), unit="D")
    decided = data.draw(st.lists(st.sampled_from([-1.0, 0.0, 0.3, 1.0]), min_size=len(gaps), max_size=len(gaps)))
    holding = Holding.replayed(pd.Series(decided, index))
    position, traded = 0.0, None
    for t, wish in enumerate(decided):
        days = math.inf if traded is None else (index[t] - traded) / pd.Timedelta(days=1)
        assert np.asarray(holding.position)[t] == position
        assert np.asarray(holding.days_since_trade)[t] == days
        if wish != position:
            position, traded = wish, index[t]


@given(DAYS, st.integers(1, 30))
def test_later_decisions_change_nothing_of_what_was_held(gaps: list[int], cut: int) -> None:
    index = pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(np.cumsum(gaps), unit="h")
    decided = pd.Series(np.random.default_rng(len(gaps)).choice([-1.0, 0.0, 0.5], len(gaps)), index)
    whole, part = Holding.replayed(decided), Holding.replayed(decided.head(cut))
    rows = min(cut, len(gaps))
    assert part.columns(rows).tobytes() == whole.columns(len(gaps))[:rows].tobytes()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"position": 10.0}, "position is 10"),
        ({"position": np.array([0.0, -1.5])}, r"position is -1\.5"),
        ({"position": math.nan}, "position is nan"),
        ({"leverage": -0.1}, "leverage is -0.1"),
        ({"leverage": math.inf}, "leverage is inf"),
        ({"cash": math.nan}, "cash is nan"),
        ({"days_since_trade": -1.0}, "days_since_trade is -1"),
        ({"days_since_trade": math.nan}, "days_since_trade is nan"),
        ({"cash": np.zeros(3)}, r"cash has the shape \(3,\)"),
    ],
)
def test_an_impossible_holding_is_refused_by_name(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        Holding(**values).columns(2)
    assert caught.value.code == "states.holding"
    assert caught.value.cure
