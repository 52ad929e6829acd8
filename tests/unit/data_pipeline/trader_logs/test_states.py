from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.special
import talib

from data_pipeline.features.indicators import Columns, yang_zhang
from data_pipeline.trader_logs.bars import trader_bars
from data_pipeline.trader_logs.contract import Contract
from data_pipeline.trader_logs.events import read_events
from data_pipeline.trader_logs.states import BASE, GROUPS, NAMES, SCALED, WINDOW, Moments, states
from tests.support.markets.trader_logs import OPENS, log, quote, trade, wandering_market


def column(values: np.ndarray, name: str) -> np.ndarray:
    return values[:, NAMES.index(name)]


@pytest.fixture(scope="module")
def bars():
    return trader_bars(read_events(wandering_market(3)), 15)


def test_there_are_17_in_the_order_that_models_are_taught(bars):
    assert len(BASE) == 17
    assert len(NAMES) == len(set(NAMES))
    assert NAMES[:17] == BASE
    assert states(bars).shape == (len(bars), len(NAMES))
    assert NAMES[:3] == ("fractional_price", "yang_zhang", "volume_z")
    assert NAMES[SCALED:][0] == "time_of_day_sin"
    assert BASE[-5:] == ("unrealised", "unrealised_share", "inventory", "position_size", "time_since_entry")


def test_every_state_of_every_row_has_a_value(bars):
    assert np.isfinite(states(bars)).all()


def test_those_that_are_not_scaled_are_bounded(bars):
    values = states(bars)
    position = [column(values, name) for name in BASE[SCALED:]]
    assert (np.abs(position) <= 10.0).all()
    inventory, size, age = position[-3:]
    assert (np.abs(inventory) <= 1).all()
    assert ((size >= 0) & (size <= 1)).all()
    assert ((age >= 0) & (age < 1)).all()
    for name in (*GROUPS["price"], *GROUPS["actions"], *GROUPS["book"], "time_since_fill", "bought_16"):
        assert (np.abs(column(values, name)) <= 1).all(), name


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
    assert states(trader_bars(read_events(log([trade(1)])), 10)).shape == (0, len(NAMES))


def test_before_a_market_opens_its_price_stands_still():
    """What its indicators look back on there; how much of it lies in the market is a state of its own."""
    contract = Contract(OPENS, OPENS + 3_600_000)
    values = states(trader_bars(read_events(log([trade(95, 0.6)])), 30, contract))
    assert len(values) == 120
    still = (column(values, name)[:3] for name in ("yang_zhang", "rsi", "bollinger_width", "volume_z"))
    assert not np.any(list(still))
    assert column(values, "price_level")[[0, 3, 4]].round(9).tolist() == [0.0, 0.0, 0.2]
    assert column(values, "price_known")[[0, 3, 4]].tolist() == [0.0, 0.0, 1.0]
    assert column(values, "rsi")[4] == 1.0
    assert column(values, "time_left")[[0, 60]].tolist() == [1.0, 0.5]
    assert column(values, "window_share")[[0, 26, 53, 119]].tolist() == [1 / WINDOW, 27 / WINDOW, 1.0, 1.0]


def test_the_traders_own_last_bars_are_states():
    trades = [trade(12, 0.5, 3), trade(13, 0.5, 3), trade(25, 0.5, 9, outcome="Down"), trade(65, 0.5)]
    values = states(trader_bars(read_events(log([trade(1, 0.5, 2), *trades])), 10))
    # the bars before the rows: 2 bought, 6 bought, 9 towards Down, and three without a trade
    assert column(values, "way_1").tolist() == [1, 1, -1, 0, 0, 0]
    assert column(values, "way_2").tolist() == [0, 1, 1, -1, 0, 0]
    assert column(values, "last_way").tolist() == [1, 1, -1, -1, -1, -1]
    assert np.expm1(column(values, "fills_1")).round().tolist() == [1, 2, 1, 0, 0, 0]
    assert np.expm1(column(values, "fills_4")).round().tolist() == [1, 3, 4, 4, 3, 1]
    assert column(values, "bought_16")[[0, 2]].tolist() == [1.0, pytest.approx(-1 / 17)]
    assert column(values, "time_since_fill")[0] == pytest.approx(np.tanh(9 / 60))


def test_the_spread_is_the_last_one_quoted():
    events = [trade(1, 0.5), quote(12, 0.48, 0.52), trade(25, 0.5), trade(41, 0.5)]
    values = states(trader_bars(read_events(log(events)), 10))
    assert column(values, "spread").round(9).tolist() == [0.0, 0.04, 0.04, 0.04]
    assert column(values, "spread_known").tolist() == [0.0, 1.0, 1.0, 1.0]


def test_moments_are_the_same_however_the_rows_are_cut(bars):
    rows = states(bars)
    cut = Moments()
    for part in np.array_split(rows, 7):
        cut.add(part)
    cut.add(rows[:0])
    mean, deviation = cut.scale()
    np.testing.assert_allclose(mean, rows[:, :SCALED].mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(deviation, rows[:, :SCALED].std(axis=0), rtol=1e-9)


def test_a_column_without_variance_is_divided_by_one():
    moments = Moments()
    moments.add(np.ones((5, len(NAMES))))
    assert moments.scale()[1].tolist() == [1.0] * SCALED
    assert Moments().scale()[1].tolist() == [1.0] * SCALED


def test_the_market_states_are_formulas_of_their_own(bars):
    """By TA-Lib, binomial coefficients and pandas, over prices that stood still before the first row.

    Yang-Zhang bar by bar is held to its formula in test_features.
    """
    still = np.full(500, bars.opening)
    opened, high, low, close = (
        np.concatenate([still, values])
        for values in (bars.prices.open, bars.prices.high, bars.prices.low, bars.prices.close)
    )
    price, volume = pd.Series(close), pd.Series(np.concatenate([still * 0.0, bars.prices.volume]))
    differences = sum((-1) ** k * scipy.special.binom(0.4, k) * np.log(price).shift(k) for k in range(55))
    upper, middle, lower = talib.BBANDS(close, 20, 2.0, 2.0)
    padded = Columns(opened, high, low, close, volume.to_numpy(), wall=bars.prices.wall)
    expected = {
        "fractional_price": differences,
        "yang_zhang": yang_zhang(padded),
        "volume_z": ((volume - volume.rolling(20).mean()) / volume.rolling(20).std()).fillna(0.0),
        "rsi": np.where(np.maximum.accumulate(close != bars.opening), talib.RSI(close, 14) / 50.0 - 1.0, 0.0),
        "macd_histogram": talib.MACD(close, 12, 26, 9)[2] / price,
        "bollinger_width": (upper - lower) / middle,
    }
    assert tuple(expected) == NAMES[:SCALED]
    matrix = states(bars)
    for name, values in expected.items():
        rows = np.asarray(values)[len(still) :]
        np.testing.assert_allclose(column(matrix, name), rows, rtol=1e-7, atol=1e-9, err_msg=name)
