from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.special
import talib

from data_pipeline.features.indicators import yang_zhang
from data_pipeline.trader_logs.bars import trader_bars
from data_pipeline.trader_logs.events import read_events
from data_pipeline.trader_logs.states import NAMES, SCALED, WARM_UP, Moments, states
from tests.support.markets.trader_logs import OPENS, log, trade, wandering_market


def column(values: np.ndarray, name: str) -> np.ndarray:
    return values[:, NAMES.index(name)]


@pytest.fixture(scope="module")
def bars():
    return trader_bars(read_events(wandering_market(3)), 15)


def test_there_are_17_in_the_order_that_models_are_taught(bars):
    assert len(NAMES) == len(set(NAMES)) == 17
    assert states(bars).shape == (len(bars), 17)
    assert NAMES[:3] == ("fractional_price", "yang_zhang", "volume_z")
    assert NAMES[SCALED:][0] == "time_of_day_sin"
    assert NAMES[-5:] == ("unrealised", "unrealised_share", "inventory", "position_size", "time_since_entry")


def test_every_state_has_a_value_after_the_warm_up_and_not_all_before(bars):
    values = states(bars)
    assert np.isfinite(values[WARM_UP:]).all()
    assert np.isnan(values[WARM_UP - 1]).any()
    assert WARM_UP == 54


def test_those_that_are_not_scaled_are_bounded(bars):
    values = states(bars)[WARM_UP:, SCALED:]
    assert (np.abs(values) <= 10.0).all()
    inventory, size, age = values[:, -3], values[:, -2], values[:, -1]
    assert (np.abs(inventory) <= 1).all()
    assert ((size >= 0) & (size <= 1)).all()
    assert ((age >= 0) & (age < 1)).all()


def test_the_clock_is_that_of_the_bars_last_moment_in_utc():
    values = states(trader_bars(read_events(log([trade(3599), trade(3620)])), 10))
    # the bar closes at 04:00:00 on a Friday, 2 January 2026, so its last moment lies within the hour from three
    assert (OPENS // 1000) % 86_400 == 3 * 3600
    hour, day = 2 * np.pi * 3 / 24, 2 * np.pi * 4 / 7
    assert column(values, "hour_sin")[0] == pytest.approx(np.sin(hour))
    assert column(values, "day_of_week_cos")[0] == pytest.approx(np.cos(day))
    assert column(values, "time_of_day_sin")[0] == pytest.approx(np.sin(2 * np.pi * 4 / 24), abs=1e-9)


def test_the_position_is_a_share_of_the_largest_position_so_far():
    values = states(
        trader_bars(
            read_events(log([trade(1, 0.5, 10), trade(12, 0.5, 5, side="SELL"), trade(25, 0.6, 1), trade(31, 0.6)])), 10
        )
    )
    assert column(values, "inventory").tolist() == [1.0, 0.5, 0.6]
    assert column(values, "position_size").round(9).tolist() == [1.0, 0.5, 0.62]
    assert column(values, "unrealised_share").round(9).tolist() == [0.0, 0.0, round(0.5 / 3.1, 9)]
    assert column(values, "time_since_entry")[0] == pytest.approx(np.tanh(9 / 3600))


def test_a_market_without_rows_has_no_states():
    assert states(trader_bars(read_events(log([trade(1)])), 10)).shape == (0, 17)


def test_moments_are_the_same_however_the_rows_are_cut(bars):
    rows = states(bars)[WARM_UP:]
    cut = Moments()
    for part in np.array_split(rows, 7):
        cut.add(part)
    cut.add(rows[:0])
    mean, deviation = cut.scale()
    np.testing.assert_allclose(mean, rows[:, :SCALED].mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(deviation, rows[:, :SCALED].std(axis=0), rtol=1e-9)


def test_a_column_without_variance_is_divided_by_one():
    moments = Moments()
    moments.add(np.ones((5, 17)))
    assert moments.scale()[1].tolist() == [1.0] * SCALED
    assert Moments().scale()[1].tolist() == [1.0] * SCALED


def test_the_market_states_are_formulas_of_their_own(bars):
    """By TA-Lib, binomial coefficients and pandas; Yang-Zhang bar by bar is held to its formula in test_features."""
    prices, matrix = bars.prices, states(bars)[WARM_UP:]
    close, volume = pd.Series(prices.close), pd.Series(prices.volume)
    differences = sum((-1) ** k * scipy.special.binom(0.4, k) * np.log(close).shift(k) for k in range(55))
    upper, middle, lower = talib.BBANDS(prices.close, 20, 2.0, 2.0)
    expected = {
        "fractional_price": differences,
        "yang_zhang": yang_zhang(prices),
        "volume_z": ((volume - volume.rolling(20).mean()) / volume.rolling(20).std()).fillna(0.0),
        "rsi": talib.RSI(prices.close, 14) / 50.0 - 1.0,
        "macd_histogram": talib.MACD(prices.close, 12, 26, 9)[2] / close,
        "bollinger_width": (upper - lower) / middle,
    }
    assert tuple(expected) == NAMES[:SCALED]
    for name, values in expected.items():
        np.testing.assert_allclose(column(matrix, name), values[WARM_UP:], rtol=1e-7, atol=1e-9, err_msg=name)
