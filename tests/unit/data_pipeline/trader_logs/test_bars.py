from __future__ import annotations

import numpy as np
import pytest

from config.errors import UsageError
from data_pipeline.trader_logs.bars import TraderBars, trader_bars
from data_pipeline.trader_logs.events import read_events
from tests.support.markets.trader_logs import OPENS, REAL, log, quote, settlement, trade, wandering_market


def bars(*events, seconds: int = 10) -> TraderBars:
    return trader_bars(read_events(log(events)), seconds)


def test_a_bar_holds_the_trades_before_its_close_and_the_decision_those_of_the_next_bar():
    table = bars(trade(1, 0.70), quote(4, 0.71, 0.73), quote(9, 0.67, 0.69), trade(10, 0.6, 7), trade(15, 0.61, 2))
    assert table.time.tolist() == [OPENS + 10_000]
    prices = table.prices
    ohlc = [column[0] for column in (prices.open, prices.high, prices.low, prices.close)]
    assert np.round(ohlc, 9).tolist() == [0.7, 0.72, 0.68, 0.68]
    assert table.prices.volume.tolist() == [10.0]
    assert table.net.tolist() == [9.0]
    assert table.trades.tolist() == [2]


def test_a_bar_in_which_nothing_happened_keeps_the_last_price_and_holds():
    table = bars(trade(1, 0.5), trade(35, 0.6))
    assert table.time.tolist() == [OPENS + 10_000, OPENS + 20_000, OPENS + 30_000]
    assert table.prices.close.tolist() == [0.5, 0.5, 0.5]
    assert table.prices.volume.tolist() == [10.0, 0.0, 0.0]
    assert table.net.tolist() == [0.0, 0.0, 10.0]
    assert table.trades.tolist() == [0, 0, 1]


def test_rounding_errors_of_offsetting_trades_are_no_decision():
    bought = [trade(11, 0.5, size) for size in (0.1, 0.2)]
    table = bars(trade(1, 0.5), *bought, trade(12, 0.5, 0.3, outcome="Down"), trade(21, 0.5))
    assert table.net.tolist() == [0.0, 10.0]
    assert table.trades.tolist() == [3, 1]


def test_what_a_market_earned_is_known_with_its_last_event():
    assert bars(trade(1), trade(11), settlement("redeem", 7200, 5)).settled == OPENS + 7_200_000


def test_bars_of_any_length_are_aligned_to_the_clock():
    for seconds in (5, 15, 60, 900):
        table = trader_bars(read_events(wandering_market(1)), seconds)
        assert (table.time % (seconds * 1000) == 0).all()
        assert (np.diff(table.time) == seconds * 1000).all()


@pytest.mark.parametrize("seconds", [0, -5, 86_401])
def test_a_bar_of_no_sensible_length_is_refused(seconds):
    with pytest.raises(UsageError, match="cannot be made"):
        bars(trade(1), seconds=seconds)


def test_a_market_within_one_bar_or_without_prices_has_no_rows():
    assert len(bars(trade(1), trade(2))) == 0
    assert len(bars()) == 0
    assert len(bars(settlement("merge", 1, 5), settlement("redeem", 99, 5))) == 0


def test_a_position_is_that_at_the_close_before_the_decision():
    table = bars(trade(1, 0.4, 10), trade(12, 0.5, 10), trade(25, 0.6, 5, outcome="Down"), trade(41, 0.5, 1))
    assert table.inventory.tolist() == [10.0, 20.0, 15.0, 15.0]
    assert table.cost.tolist() == [4.0, 9.0, 12.0, 12.0]
    # at the last price of Up: 10 x 0.4 - 4, 20 x 0.5 - 9, 20 x 0.4 + 5 x 0.6 - 12
    assert table.unrealised.round(9).tolist() == [0.0, 1.0, -1.0, -1.0]
    assert table.age.tolist() == [9.0, 19.0, 29.0, 39.0]
    assert table.peak_cost.tolist() == [4.0, 9.0, 12.0, 12.0]
    assert table.peak_inventory.tolist() == [10.0, 20.0, 20.0, 20.0]


def test_a_merge_flattens_equal_amounts_at_their_average_cost():
    table = bars(
        trade(1, 0.4, 10), trade(2, 0.5, 4, outcome="Down"), settlement("merge", 3, 4), trade(11, 0.5), trade(21, 0.5)
    )
    assert table.inventory[0] == 6.0
    assert table.cost[0] == pytest.approx(4.0 * 6 / 10)
    assert table.not_held == 0


def test_a_sale_takes_shares_out_at_their_average_cost():
    table = bars(trade(1, 0.4, 10), trade(2, 0.6, 10), trade(3, 0.7, 5, side="SELL"), trade(11, 0.7, 1), trade(21, 0.7))
    assert table.inventory[0] == 15.0
    assert table.cost[0] == pytest.approx(7.5)
    assert table.unrealised[0] == pytest.approx(15 * 0.7 - 7.5)


def test_a_flat_trader_has_no_age_and_a_new_position_begins_anew():
    table = bars(trade(1, 0.5, 10), trade(11, 0.5, 10, side="SELL"), trade(33, 0.5, 10), trade(51, 0.5))
    assert table.age.tolist() == [9.0, 0.0, 0.0, 7.0, 17.0]


def test_settlements_and_sales_beyond_the_holding_are_counted_and_earn_nothing():
    table = bars(
        trade(1, 0.5, 10),
        trade(2, 0.5, 99, side="SELL"),
        settlement("merge", 3, 50),
        trade(12, 0.5, 10),
        trade(21, 0.5, 10),
        settlement("redeem", 30, 500),
    )
    assert table.not_held == 3
    assert table.reward.sum() == pytest.approx((20 - 10) / 10)


def test_rewards_add_up_to_the_money_made_for_the_money_put_up():
    table = bars(trade(1, 0.4, 10), trade(11, 0.5, 10, outcome="Down"), trade(21, 0.6, 5), settlement("redeem", 99, 15))
    # put up 4 + 5 + 3, of which the 4 before the first decision; Up won: 15 came back
    before_first = 10 * 0.4 - 4
    assert table.reward.sum() == pytest.approx((15 - 12 - before_first) / 12)


def test_without_a_redemption_the_rest_is_worth_the_last_price():
    table = bars(trade(1, 0.4, 10), trade(11, 0.4, 1), trade(21, 0.9, 1))
    assert table.reward.sum() == pytest.approx((12 * 0.9 - 4 - 0.4 - 0.9) / 5.3)


@pytest.mark.parametrize("path", sorted(REAL.glob("*.json")), ids=lambda path: path.name)
def test_a_real_market_is_replayed_to_what_the_trader_was_paid(path):
    events = read_events(path.read_bytes())
    table = trader_bars(events, 15)
    paid = events.money[events.kind == 1].sum()
    got = events.money[events.kind >= 2].sum()
    assert table.not_held == 0
    assert 40 < len(table) < 300
    assert table.reward.sum() == pytest.approx((got - paid) / _most_put_up(events), abs=0.02)


def _most_put_up(events) -> float:
    flows = np.where(events.kind == 1, -events.money, events.money)
    return float(-np.cumsum(flows).min())


def test_prices_at_the_very_edge_stay_a_tick_away_from_it():
    table = bars(trade(1, 0.0), trade(11, 1.0), trade(21, 1.0, outcome="Down"), trade(31, 0.5))
    assert table.prices.close.tolist() == [0.001, 0.999, 0.001]
