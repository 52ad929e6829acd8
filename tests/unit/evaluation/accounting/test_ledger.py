from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from evaluation.accounting.account import Account, Rates, affordable, collect, fill, mark, step
from evaluation.accounting.ledger import simulate

FREE = Rates(0.0, 0.0, 0.0)


def run(opens, closes, targets, rates=FREE, *, highs=None, lows=None, dividends=None):
    highs = np.maximum(opens, closes) if highs is None else highs
    lows = np.minimum(opens, closes) if lows is None else lows
    prices, paid = np.array([[opens], [highs], [lows], [closes]], float), dividends and np.array([dividends], float)
    return simulate(prices, np.array([targets], float), 1000.0, rates, paid)


def test_a_target_is_filled_at_the_next_open_and_held():
    books = run([10, 10, 11, 12], [10, 11, 12, 13], [0.5, 0.5, 0.5, 0.5])
    # 500 of 1000 buys 50 shares at 10; they are never traded again though their weight grows.
    np.testing.assert_array_equal(books.shares[0], [0, 50, 50, 50])
    np.testing.assert_array_equal(books.cash[0], [1000, 500, 500, 500])
    np.testing.assert_array_equal(books.equity[0], [1000, 1050, 1100, 1150])
    np.testing.assert_array_equal(books.traded[0], [0, 0.5, 0, 0])


def test_an_order_is_sized_by_the_account_at_the_open_of_its_fill():
    books = run([10, 20, 40, 40], [10, 20, 40, 40], [0.5, 0.25, 0.25, 0.25])
    # 25 shares at 20; at the open of bar 2 they make the account 500 + 25 * 40 = 1500, a quarter of it is 9.375 shares.
    assert books.shares[0, 1] == 25.0
    assert books.shares[0, 2] == 9.375
    assert books.cash[0, 2] == 500.0 + 15.625 * 40.0


def test_commission_and_slippage_by_hand():
    books = run([100, 100, 110, 110], [100, 100, 110, 110], [0.5, 0.5, 0.0, 0.0], Rates(0.01, 0.02, 0.0))
    bought = 5 * 102.0
    cash = 1000 - bought - 0.01 * bought
    assert books.cash[0, 1] == pytest.approx(cash, rel=1e-15)
    sold = 5 * 107.8  # the fill of bar 3
    np.testing.assert_allclose(books.equity[0, 3], cash + sold - 0.01 * sold, rtol=1e-15)
    assert books.trades["pnl"][0] == pytest.approx(books.equity[0, 3] - 1000.0)


def test_a_short_earns_when_the_price_falls_and_pays_its_borrow_each_bar():
    books = run([100, 100, 80, 80], [100, 90, 80, 80], [-0.5] * 4, Rates(0.0, 0.0, 0.001))
    # 5 shares sold at 100; then 0.1 % of 5 * 90, of 5 * 80, of 5 * 80.
    np.testing.assert_allclose(books.equity[0], [1000, 1050 - 0.45, 1100 - 0.85, 1100 - 1.25], rtol=1e-14)


def test_a_dividend_is_paid_in_cash_on_the_shares_held_over_its_ex_date():
    books = run([10, 10, 9, 9, 9], [10] * 5, [0.5, 0.5, 0.25, 0.25, 0.25], dividends=[5, 5, 1, 2, 0])
    # Bought at the open of bar 1: what went ex there and before is not ours. 50 shares are paid 1 each at bar 2, and
    # nothing is bought for it. At bar 3 they are paid 2 each before the order is sized: (550 + 100 + 450) / 4 at 9.
    np.testing.assert_array_equal(books.cash[0, :3], [1000, 500, 550])
    np.testing.assert_array_equal(books.shares[0, :3], [0, 50, 50])
    assert books.shares[0, 3] == 1100 / 4 / 9
    assert books.cash[0, 3] == pytest.approx(1100 * 3 / 4)
    assert books.shares[0, 4] == books.shares[0, 3]


def test_a_short_account_pays_the_dividend_at_the_ex_date():
    books = run([10, 10, 9, 9], [10, 10, 9, 9], [-0.5, -0.5, 0.0, 0.0], dividends=[0, 0, 1, 2])
    # 50 shares sold at 10 cost 50 at bar 2 and 100 at bar 3, where they are bought back at 9 after that.
    np.testing.assert_array_equal(books.cash[0], [1000, 1500, 1450, 1450 - 100 - 450])
    (trade,) = books.trades
    assert trade["pnl"] == -100.0
    assert (trade["paid"], trade["received"]) == (500.0, 450.0)


def test_a_dividend_that_ruins_a_short_account_closes_it():
    books = run([10, 10, 10, 10], [10] * 4, [-0.9, -0.9, -0.5, 0.9], dividends=[0, 0, 12, 0])
    np.testing.assert_array_equal(books.equity[0, 2:], 0.0)
    assert books.trades["pnl"].tolist() == [-1000.0]


def test_an_order_costs_at_least_the_minimum_and_a_reversal_pays_it_once():
    rates = Rates(0.01, 0.0, 0.0, minimum=8.0)
    books = run([10] * 5, [10] * 5, [0.5, -0.5, -0.4, 0.0, 0.0], rates)
    # Bought for 500: 1 % is less than 8. Turned around with 992: 50 shares sold, 49.6 sold short, 1 % of 996 is more.
    np.testing.assert_allclose(books.cash[0, :3], [1000, 492, 492 + 996 - 9.96], rtol=1e-14)
    long, short = books.trades
    assert long["pnl"] == pytest.approx(-8.0 - 9.96 * 50 / 99.6)
    assert long["pnl"] + short["pnl"] == pytest.approx(books.equity[0, 4] - 1000.0)


def test_an_order_that_cannot_pay_its_minimum_is_not_made():
    books = run([10] * 3, [10] * 3, [0.5, 0.9, 0.9], Rates(0.0, 0.0, 0.0, minimum=1500.0))
    np.testing.assert_array_equal(books.equity[0], 1000.0)
    assert len(books.trades) == 0
    assert affordable(0.9, 1000.0, 80.0, 10.0, Rates(0.0, 0.0, 0.0, minimum=300.0)) == 80.0


def test_the_rounding_of_a_full_position_is_not_traded_again():
    opens = [21.0] * 4  # bought with all there is, 1e-13 is owed; that is no reason to sell and pay the minimum
    books = run(opens, [20.0] * 4, [-0.5, 0.5, 1.0, -0.5], Rates(0.0, 0.0, 0.0, 400.0, 0.0005111004905457855))
    assert books.cash[0, 2] == pytest.approx(0.0, abs=1e-9)
    assert books.shares[0, 3] == books.shares[0, 2] > 9.0


def test_a_full_position_leaves_room_for_the_minimum():
    books = run([10] * 3, [10] * 3, [1.0, 1.0, 1.0], Rates(0.001, 0.0, 0.0, minimum=50.0))
    assert books.shares[0, 1] == 95.0
    assert books.cash[0, 1] == 0.0


def test_positive_cash_earns_interest_at_each_close_and_trades_do_not_count_it():
    books = run([10, 10, 12, 12], [10, 10, 12, 12], [0.5, 0.0, 0.0, 0.0], Rates(0.0, 0.0, 0.0, interest=0.01))
    # 1010 after bar 0; 505 in cash and 505 in shares; these are sold for 606 at the open of bar 2.
    np.testing.assert_allclose(books.cash[0], [1010, 510.05, 1116.05 * 1.01, 1116.05 * 1.01**2], rtol=1e-14)
    assert books.trades["pnl"][0] == pytest.approx(101.0)


def test_the_proceeds_of_what_is_short_earn_nothing():
    books = run([10, 10, 10], [10, 10, 12], [-0.5, -0.5, -0.5], Rates(0.0, 0.0, 0.0, interest=0.01))
    # 1010 after bar 0; then 1515 in cash, of which 505, and at last 606, are the worth of the 50.5 shares sold.
    np.testing.assert_allclose(books.cash[0], [1010, 1525.1, 1525.1 + 0.01 * (1525.1 - 606)], rtol=1e-14)


def test_costs_come_out_of_a_full_position_and_nothing_is_bought_on_credit():
    books = run([100, 100, 100], [100, 100, 100], [1.0, 1.0, 1.0], Rates(0.01, 0.0, 0.0))
    assert books.cash[0, 1] == pytest.approx(0.0, abs=1e-9)
    assert books.shares[0, 1] == pytest.approx(1000 / 101)


def test_a_full_short_is_worth_no_more_than_what_the_account_has_left():
    books = run([100, 100, 100], [100, 100, 100], [-1.0, -1.0, -1.0], Rates(0.01, 0.02, 0.0))
    assert -books.shares[0, 1] * 100 == pytest.approx(books.equity[0, 1])


def test_coming_nearer_to_flat_needs_no_buying_power():
    # A short of 18 shares is worth more than the account of 10; half the account may still be bought back to.
    assert affordable(-0.5, 10.0, -18.0, 1.0, Rates(0.01, 0.0, 0.0)) == -5.0
    assert affordable(0.0, 10.0, 7.0, 1.0, Rates(0.01, 0.0, 0.0)) == 0.0


def test_a_reversal_is_two_trades_at_one_fill():
    books = run([10, 10, 12, 9, 9], [10, 12, 12, 9, 9], [0.5, -0.5, -0.5, 0.0, 0.0])
    trades = books.trades
    assert trades["side"].tolist() == [1, -1]
    assert trades["entry"].tolist() == [1, 2]
    assert trades["exit"].tolist() == [2, 4]
    # 50 shares from 10 to 12 earn 100; then 550 / 12 shares sold at 12 are bought back at 9.
    np.testing.assert_allclose(trades["pnl"], [100.0, 550 / 12 * 3], rtol=1e-14)


def test_scaling_in_and_out_stays_one_trade_with_average_prices():
    books = run([10, 10, 20, 20, 20], [10] * 5, [0.2, 0.6, 0.1, 0.0, 0.0])
    (trade,) = books.trades
    assert (trade["entry"], trade["exit"]) == (1, 4)
    # 20 shares at 10, then the account is 1200 at 20: up to 36, down to 6, out.
    assert trade["size"] == trade["opened"] == trade["closed"] == 36.0
    assert trade["paid"] == 20 * 10 + 16 * 20
    assert trade["received"] == 30 * 20 + 6 * 20
    assert trade["pnl"] == trade["received"] - trade["paid"]


def test_excursions_are_the_worst_and_best_return_on_the_entry_price():
    books = run([10, 10, 10, 10], [10, 10, 10, 10], [0.5, 0.5, 0.0, 0.0], highs=[50, 12, 14, 50], lows=[1, 9, 7, 1])
    (trade,) = books.trades  # bars 1 and 2 were held whole, of bar 3 only the open
    assert (trade["mae"], trade["mfe"]) == (pytest.approx(-0.3), pytest.approx(0.4))
    short = run([10, 10, 10, 10], [10] * 4, [-0.5, -0.5, 0.0, 0.0], highs=[50, 12, 14, 50], lows=[1, 9, 7, 1])
    assert (short.trades["mae"][0], short.trades["mfe"][0]) == (pytest.approx(-0.4), pytest.approx(0.3))


def test_the_last_target_is_not_filled_and_an_open_position_is_no_trade_yet():
    books = run([10, 10, 10], [10, 10, 10], [0.0, 0.9, -0.9])
    assert books.shares[0].tolist() == [0, 0, 90]
    assert len(books.trades) == 0


@pytest.mark.parametrize("where", ["open", "close"])
def test_a_ruined_account_is_closed_and_stays_at_zero(where):
    opens, closes = (
        ([10, 10, 10, 10, 1], [10, 10, 25, 1, 1]) if where == "close" else ([10, 10, 25, 1, 1], [10, 10, 1, 1, 1])
    )
    books = run(opens, closes, [-0.9, -0.9, 0.9, -0.9, 0.9])
    np.testing.assert_array_equal(books.equity[0, 2:], 0.0)
    np.testing.assert_array_equal(books.shares[0, 2:], 0.0)
    (trade,) = books.trades
    assert trade["exit"] == 2
    assert trade["pnl"] == -1000.0
    assert trade["mae"] == pytest.approx(-1.5)


def test_one_strategy_a_row_on_one_row_of_prices_or_on_its_own():
    prices = np.array([[10.0, 10, 11], [20.0, 20, 30]])
    same = simulate(np.array([prices[:1]] * 4), np.array([[1.0, 1, 1], [0, 0, 0]]), 100.0, FREE)
    own = simulate(np.array([prices] * 4), np.array([[1.0, 1, 1], [1, 1, 1]]), 100.0, FREE)
    np.testing.assert_allclose(same.equity[:, -1], [110, 100])
    np.testing.assert_allclose(own.equity[:, -1], [110, 150])


def test_steps_from_python_are_the_loop():
    rng = np.random.default_rng(1)
    opens, closes = 50 + 10 * rng.random((2, 60))
    targets, rates = rng.choice([-0.9, 0.0, 0.9], 60), Rates(0.001, 0.0005, 0.0001, 2.0, 0.0001)
    dividends = rng.choice([0.0, 0.4], 60).tolist()
    books = run(opens, closes, targets, rates, dividends=dividends)
    account, target = Account(1000.0, 0.0, 0.0), 0.0
    for bar in range(60):
        account = step(account, target, opens[bar], closes[bar], rates, dividends[bar])
        target = targets[bar]
        assert (account.cash, account.shares) == (books.cash[0, bar], books.shares[0, bar])


def test_a_step_is_a_fill_and_a_mark():
    account, rates = Account(1000.0, 0.0, 0.0), Rates(0.001, 0.0, 0.01)
    assert step(account, -0.5, 10.0, 9.0, rates) == mark(fill(account, -0.5, 10.0, rates), 9.0, rates)
    paid = collect(Account(1000.0, 20.0, 0.2), 1.5)
    assert paid == Account(1030.0, 20.0, 0.2)
    assert step(Account(1000.0, 20.0, 0.2), 0.2, 10.0, 9.0, rates, 1.5) == mark(paid, 9.0, rates)
    assert fill(account, 0.0, 10.0, rates) == account


def test_accounts_of_many_symbols_and_episodes_step_together_in_a_compiled_loop():
    rng = np.random.default_rng(3)
    symbols, episodes, bars = 3, 4, 50
    rates = Rates(0.001, 0.0005, 0.0001, 1.0, 0.0001)
    prices = 50 + 10 * rng.random((4, symbols, bars))
    opens, _, _, closes = prices
    targets = rng.choice([-0.9, 0.0, 0.9], (symbols, episodes, bars))
    cash, shares, ordered = np.full((symbols, episodes), 1000.0), *np.zeros((2, symbols, episodes))

    def advance(accounts, target, opens, closes, rates):
        cash, shares, ordered = accounts
        for s in range(cash.shape[0]):
            for e in range(cash.shape[1]):
                account = Account(cash[s, e], shares[s, e], ordered[s, e])
                after = step(account, target[s, e], opens[s], closes[s], rates)
                cash[s, e], shares[s, e], ordered[s, e] = after.cash, after.shares, after.target

    kernel = njit(advance)
    for bar in range(bars):
        target = targets[:, :, bar - 1] if bar else np.zeros((symbols, episodes))
        kernel((cash, shares, ordered), target, opens[:, bar], closes[:, bar], rates)
    for episode in range(episodes):
        books = simulate(prices, targets[:, episode], 1000.0, rates)
        np.testing.assert_array_equal(cash[:, episode], books.cash[:, -1])
        np.testing.assert_array_equal(shares[:, episode], books.shares[:, -1])
