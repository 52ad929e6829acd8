"""From forecasts to positions: a trade must pay for itself, and what holds is held."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import CostParams
from trainers.forecast.heads import Distribution
from trainers.forecast.rule import signals_of

COSTS = CostParams(commission=0.001, slippage=0.0005)  # 0.3 % for buying and selling


def positions(means: list[float], sell="exit", margin=1.0, deviation=0.01):
    index = pd.date_range("2024-01-01", periods=len(means), freq="D", tz="UTC")
    mean = np.array(means)
    forecast = Distribution(mean, np.full(len(means), deviation), np.zeros((len(means), 5)))
    return signals_of(index, forecast, COSTS, sell, margin)


def test_less_than_the_costs_of_a_round_trip_is_not_traded() -> None:
    assert positions([0.0029, 0.001, -0.0029], "short").position.tolist() == [0.0, 0.0, 0.0]


def test_what_was_bought_is_held_until_a_fall_is_expected() -> None:
    assert positions([0.004, 0.001, 0.0001, -0.0001, 0.001]).position.tolist() == [1.0, 1.0, 1.0, 0.0, 0.0]


def test_a_fall_that_pays_is_sold_short_where_that_is_allowed() -> None:
    means = [0.004, -0.004, -0.001, 0.002, 0.004]
    assert positions(means, "short").position.tolist() == [1.0, -1.0, -1.0, 0.0, 1.0]
    assert positions(means).position.tolist() == [1.0, 0.0, 0.0, 0.0, 1.0]


def test_the_size_is_half_of_kellys_when_the_side_was_taken() -> None:
    sized = positions([0.01, 0.02], deviation=0.1)
    assert sized.position.tolist() == pytest.approx([0.01 / (2 * 0.01), 0.01 / (2 * 0.01)])


def test_a_margin_asks_for_more_and_without_one_everything_is_traded() -> None:
    assert positions([0.005], margin=2.0).position.tolist() == [0.0]
    assert positions([0.0001], margin=0.0).position.tolist() == [0.5]


def test_where_nothing_can_be_forecast_yet_it_is_flat_and_unsure() -> None:
    signals = positions([np.nan, np.nan, 0.004])
    assert signals.position.tolist() == [0.0, 0.0, 1.0]
    assert signals.confidence.tolist()[:2] == [0.5, 0.5]
    assert signals.confidence.iloc[2] == pytest.approx(0.6554, abs=1e-4)


@given(
    st.lists(st.floats(-0.05, 0.05), min_size=1, max_size=40), st.integers(1, 40), st.sampled_from(["exit", "short"])
)
def test_no_position_depends_on_a_later_forecast(means: list[float], cut: int, sell: str) -> None:
    whole, part = positions(means, sell), positions(means[:cut], sell)
    assert part.position.tolist() == whole.position.tolist()[:cut]
