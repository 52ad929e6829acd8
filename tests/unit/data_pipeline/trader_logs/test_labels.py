from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.labels.triple_barrier import Barriers
from data_pipeline.trader_logs.bars import trader_bars
from data_pipeline.trader_logs.events import read_events
from data_pipeline.trader_logs.labels import trader_labels
from tests.support.markets.trader_logs import log, trade, wandering_market

TENTH = Barriers(profit=0.1, stop=0.1, horizon=2)


def labels(*prices: float, first: dict, barriers: Barriers = TENTH) -> tuple[float, float, float]:
    """Of a decision made after the first price, where Up has these prices, bar by bar."""
    trades = [trade(10 * nth + 1, price, tx=f"{nth}") for nth, price in enumerate(prices)]
    decided = trade(10, prices[0], 99, tx="x") | first
    bars = trader_bars(read_events(log([trades[0], decided, *trades[1:]])), 10)
    return tuple(float(column[0]) for column in trader_labels(bars, barriers))


BUY, SELL = {}, {"side": "SELL"}


@pytest.mark.parametrize(
    ("prices", "first", "expected"),
    [
        ((0.5, 0.6, 0.4, 0.5), BUY, (1, 0.2, 1)),
        ((0.5, 0.52, 0.4, 0.5), BUY, (-1, -0.2, 2)),
        ((0.5, 0.52, 0.48, 0.6), BUY, (0, -0.04, 2)),
        ((0.6, 0.7, 0.6, 0.6), SELL, (-1, -0.25, 1)),  # Down fell from 0.4 to 0.3
        ((0.6, 0.55, 0.6, 0.6), SELL, (1, 0.125, 1)),
    ],
)
def test_labels_worked_by_hand(prices, first, expected):
    assert labels(*prices, 0.5, first=first) == pytest.approx(expected)


def test_down_bought_is_up_sold():
    prices = (0.6, 0.7, 0.6, 0.6, 0.5)
    bought = {"outcome": "Down", "price": 0.4}
    sold = labels(*prices, first=SELL)
    assert sold == labels(*prices, first=bought)


def test_bars_without_a_trade_or_with_too_little_time_left_have_no_label():
    bars = trader_bars(read_events(log([trade(1), trade(21), trade(41), trade(51)])), 10)
    assert bars.net.tolist() == [0.0, 10.0, 0.0, 10.0, 10.0]
    table = trader_labels(bars, TENTH)
    for column in table:
        assert np.isnan(column).tolist() == [True, False, True, True, True]
    assert len(trader_labels(trader_bars(read_events(log([])), 10), TENTH).label) == 0


@given(st.integers(0, 20), st.integers(1, 30), st.sampled_from([0.0213, 0.1037]))
def test_a_label_is_the_first_of_three_as_a_plain_loop_finds_it(seed, horizon, part):
    bars = trader_bars(read_events(wandering_market(seed)), 30)
    table = trader_labels(bars, Barriers(part, part, horizon))
    for at in range(len(bars)):
        if bars.net[at] == 0.0 or at + horizon >= len(bars):
            assert np.isnan(table.label[at])
            continue
        price = bars.prices.close if bars.net[at] > 0.0 else 1.0 - bars.prices.close
        returns = price[at + 1 : at + horizon + 1] / price[at] - 1.0
        beyond = np.flatnonzero(np.abs(returns) > part)
        touch = beyond[0] if len(beyond) else horizon - 1
        assert table.bars_held[at] == touch + 1
        assert table.label[at] == (np.sign(returns[touch]) if len(beyond) else 0.0)
        assert table.pnl[at] == pytest.approx(returns[touch], abs=1e-12)
