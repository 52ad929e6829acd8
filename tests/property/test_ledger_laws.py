"""Laws of the accounting, whatever the prices, targets and costs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evaluation.accounting.account import Rates
from evaluation.accounting.ledger import simulate
from evaluation.metrics.formulas import drawdowns, max_drawdown
from tests.support.markets.reference_ledger import Reference

LEVELS = (-1.0, -0.9, -0.5, -0.1, 0.0, 0.1, 0.5, 0.9, 1.0)
# The first example may compile the kernel.
unhurried = settings(deadline=None)
COSTS = st.floats(0, 0.02), st.floats(0, 0.02), st.floats(0, 0.001)
RATES = st.builds(Rates, *COSTS, st.just(0.0), st.just(0.0))
# A minimum of 400 is more than many orders of these accounts are worth.
WITH_MORE = st.builds(Rates, *COSTS, st.sampled_from([0.0, 1.0, 20.0, 400.0]), st.floats(0, 0.001))


@st.composite
def markets(draw, low=20.0, high=500.0, levels=LEVELS):
    """Prices (4 x 1 x bars) and one row of targets on them."""
    bars = draw(st.integers(2, 30))
    opens, closes = (draw(arrays(float, bars, elements=st.floats(low, high, width=32))) for _ in range(2))
    span = np.array([opens, np.maximum(opens, closes), np.minimum(opens, closes), closes])
    return span[:, None, :], draw(arrays(float, (1, bars), elements=st.sampled_from(levels)))


@st.composite
def paying_markets(draw):
    """A market, its targets, and now and then a dividend."""
    prices, targets = draw(markets())
    return prices, targets, draw(arrays(float, targets.shape, elements=st.sampled_from([0.0, 0.0, 0.0, 0.5, 7.0])))


@given(paying_markets(), WITH_MORE)
@settings(max_examples=300, deadline=None)
def test_the_kernel_agrees_with_plain_python(market, rates):
    prices, targets, dividends = market
    books = simulate(prices, targets, 1000.0, rates, dividends)
    reference = Reference(1000.0, *rates).run(
        *prices[[0, 3], 0].tolist(), targets[0].tolist(), dividends=dividends[0].tolist()
    )
    np.testing.assert_allclose(books.equity[0], reference.equity, rtol=1e-9, atol=1e-7)
    np.testing.assert_allclose(
        np.stack([books.cash[0], books.shares[0]], axis=1), reference.history, rtol=1e-9, atol=1e-6
    )
    if books.shares[0, -1] == 0.0:
        earned = books.trades["pnl"].sum() + reference.interest_earned
        assert earned == pytest.approx(books.equity[0, -1] - 1000.0, abs=1e-6)


@given(paying_markets(), st.sampled_from([0.3, 0.9, -0.3]))
@unhurried
def test_shares_held_return_their_price_and_every_dividend_in_cash(market, weight):
    """Without costs, bought at the open of bar 1 and held: 1 + w ((close + what was paid since then) / open - 1)."""
    prices, targets, dividends = market
    books = simulate(prices, np.full_like(targets, weight), 1000.0, Rates(0.0, 0.0, 0.0), dividends)
    bought, closes = prices[0, 0, 1], prices[3, 0, 1:]
    paid = np.cumsum(np.concatenate([[0.0], dividends[0, 2:]]))
    growth = 1.0 + weight * ((closes + paid) / bought - 1.0)
    assume((growth > 0.0).all())
    assume(weight > 0.0 or (books.equity > 0.0).all())
    np.testing.assert_allclose(books.equity[0, 1:], 1000.0 * growth, rtol=1e-9, atol=1e-9)


@given(paying_markets(), WITH_MORE)
@unhurried
def test_equity_is_cash_and_shares_at_the_close_and_never_negative(market, rates):
    prices, targets, dividends = market
    books = simulate(prices, targets, 1000.0, rates, dividends)
    np.testing.assert_array_equal(books.equity, books.cash + books.shares * prices[3])
    assert (books.equity >= 0.0).all()


@given(markets(), WITH_MORE)
@unhurried
def test_a_fill_leaves_no_more_in_shares_than_the_account_is_worth(market, rates):
    prices, targets = market
    books = simulate(prices, targets, 1000.0, rates._replace(borrow=0.0, interest=0.0))
    opens = prices[0]
    exposure, value = np.abs(books.shares * opens), books.cash + books.shares * opens
    before = np.concatenate([[0.0], books.shares[0, :-1]])
    grew = np.abs(books.shares[0]) > np.abs(before)
    assert (exposure[0, grew] <= value[0, grew] * (1 + 1e-12)).all()


@given(markets(levels=(0.0,)), WITH_MORE)
@unhurried
def test_staying_flat_costs_nothing_and_earns_interest(market, rates):
    books = simulate(*market, 1000.0, rates)
    bars = np.arange(1, books.equity.shape[1] + 1)
    np.testing.assert_allclose(books.equity[0], 1000.0 * (1.0 + rates.interest) ** bars, rtol=1e-12)
    assert len(books.trades) == 0


@given(markets(low=80.0, high=120.0, levels=(-0.9, -0.5, 0.0, 0.5, 0.9)), RATES)
@unhurried
def test_higher_costs_never_leave_more(market, rates):
    doubled = Rates(*(2 * rate for rate in rates[:3]), minimum=5.0)
    cheap, dear = (simulate(*market, 1000.0, costs).equity[0, -1] for costs in (rates, doubled))
    assert dear <= cheap * (1 + 1e-12)


@given(markets(), RATES)
@unhurried
def test_completed_trades_and_the_open_one_are_all_that_was_earned(market, rates):
    prices, targets = market
    books = simulate(prices, targets, 1000.0, rates)
    trades = books.trades
    flat_at_the_end = books.shares[0, -1] == 0.0
    gained = books.equity[0, -1] - 1000.0
    if flat_at_the_end:
        assert trades["pnl"].sum() == pytest.approx(gained, abs=1e-6)
    np.testing.assert_allclose(trades["closed"], trades["opened"], rtol=1e-9)
    assert (trades["entry"] <= trades["exit"]).all()
    assert (trades["entry"][1:] >= trades["exit"][:-1]).all()
    assert (trades["mae"] <= 0.0).all()
    assert (trades["mfe"] >= 0.0).all()


@given(paying_markets(), WITH_MORE, st.integers(1, 29))
@unhurried
def test_what_comes_later_changes_nothing_before_it(market, rates, until):
    prices, targets, dividends = market
    assume(until < targets.shape[1])
    whole = simulate(prices, targets, 1000.0, rates, dividends)
    part = simulate(prices[:, :, :until], targets[:, :until], 1000.0, rates, dividends[:, :until])
    for name in ("cash", "shares", "equity", "traded"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[:, :until])


@given(st.lists(markets(), min_size=2, max_size=4), RATES)
@unhurried
def test_strategies_simulated_together_equal_each_one_alone(several, rates):
    bars = min(targets.shape[1] for _, targets in several)
    prices = np.concatenate([array[:, :, :bars] for array, _ in several], axis=1)
    targets = np.concatenate([array[:, :bars] for _, array in several])
    together = simulate(prices, targets, 1000.0, rates)
    for row in range(len(several)):
        alone = simulate(prices[:, [row]], targets[[row]], 1000.0, rates)
        np.testing.assert_array_equal(together.equity[row], alone.equity[0])
        mine = together.trades[together.trades["strategy"] == row]
        np.testing.assert_array_equal(mine["pnl"], alone.trades["pnl"])


@given(paying_markets(), WITH_MORE, st.sampled_from([0.25, 4.0, 1024.0]))
@unhurried
def test_returns_do_not_depend_on_the_unit_of_money_or_of_the_share(market, rates, factor):
    prices, targets, dividends = market
    books = simulate(prices, targets, 1000.0, rates, dividends)
    richer = rates._replace(minimum=rates.minimum * factor)
    larger = simulate(prices, targets, 1000.0 * factor, richer, dividends)
    dearer = simulate(prices * factor, targets, 1000.0, rates, dividends * factor)
    np.testing.assert_allclose(larger.equity, books.equity * factor, rtol=1e-12)
    np.testing.assert_allclose(dearer.equity, books.equity, rtol=1e-12)


@given(arrays(float, st.integers(1, 60), elements=st.floats(-1.0, 3.0)))
@unhurried
def test_a_drawdown_is_between_everything_and_nothing(returns):
    assert -100.0 <= max_drawdown(returns) <= 0.0
    assert drawdowns(returns).shape == returns.shape
