from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import NightdeskError
from evaluation.accounting.backtest import backtest
from evaluation.accounting.costs import Costs
from evaluation.portfolio.backtest import portfolio_backtest

FREE = Costs(commission=0.0, slippage=0.0)


def frame(opens, closes=None, *, start="2024-01-01", times=None, dividends=None):
    closes = opens if closes is None else closes
    index = pd.date_range(start, periods=len(opens), freq="1D", tz="UTC") if times is None else pd.DatetimeIndex(times)
    opens, closes = np.asarray(opens, float), np.asarray(closes, float)
    columns = {"open": opens, "high": np.maximum(opens, closes), "low": np.minimum(opens, closes), "close": closes}
    return pd.DataFrame(columns | ({} if dividends is None else {"dividends": dividends}), index=index)


def on(bars, values):
    return pd.Series(np.asarray(values, float), index=bars.index)


def test_two_symbols_share_one_account_by_hand():
    one, two = frame([10, 10, 20, 20]), frame([50, 50, 50, 25])
    result = portfolio_backtest(
        {"A": one, "B": two}, {"A": on(one, [0.5] * 4), "B": on(two, [0.5, 0.25, 0.25, 0.25])}, FREE, 1000.0, 252
    )
    # 50 of A at 10 and 10 of B at 50; at the open of bar 2 the account is 50 * 20 + 10 * 50 = 1500, of which a quarter
    # are 7.5 of B; then 1000 + 7.5 * 25 + 125 cash.
    np.testing.assert_allclose(result.shares.to_numpy(), [[0, 0], [50, 10], [50, 7.5], [50, 7.5]])
    np.testing.assert_allclose(result.equity, [1000, 1000, 1500, 1312.5])
    np.testing.assert_allclose(result.contributions.sum(), [500, -187.5])


def test_what_is_sold_pays_for_what_is_bought_at_the_same_open():
    one, two = frame([10.0] * 4), frame([10.0] * 4)
    targets = {"A": on(one, [0, 1, 1, 1]), "B": on(two, [1, 0, 0, 0])}
    result = portfolio_backtest({"A": one, "B": two}, targets, FREE, 1000.0, 252)
    np.testing.assert_allclose(result.shares.iloc[2], [100, 0])


def test_orders_that_need_more_than_the_account_share_it_by_need():
    bars = {"A": frame([10.0] * 3), "B": frame([10.0] * 3)}
    result = portfolio_backtest(
        bars, {"A": on(bars["A"], [1.0] * 3), "B": on(bars["B"], [-0.5] * 3)}, FREE, 1000.0, 252
    )
    np.testing.assert_allclose(result.shares.iloc[1], [1000 / 15, -500 / 15])
    np.testing.assert_allclose(result.exposure.iloc[1], 1.0)


def test_a_closed_market_is_not_traded_and_is_marked_at_its_last_close():
    friday, monday = pd.Timestamp("2024-01-05T21:00Z"), pd.Timestamp("2024-01-08T21:00Z")
    coin = frame([100, 100, 100, 100], times=pd.date_range("2024-01-05", periods=4, freq="1D", tz="UTC"))
    stock = frame([10, 20], [10, 20], times=[friday, monday])
    result = portfolio_backtest(
        {"COIN": coin, "STOCK": stock}, {"COIN": on(coin, [0.0] * 4), "STOCK": on(stock, [0.5] * 2)}, FREE, 1000.0, 300
    )
    assert result.shares["STOCK"].loc["2024-01-07"].eq(0.0).all()
    assert result.shares["STOCK"].iloc[-1] == 25.0  # half of 1000 at Monday's open of 20
    held = portfolio_backtest(
        {"COIN": coin, "STOCK": stock},
        {"COIN": on(coin, [0, 0.5, 0.5, 0.5]), "STOCK": on(stock, [0, 0])},
        FREE,
        1000.0,
        300,
    )
    assert held.shares["COIN"].loc["2024-01-07":].eq(5.0).all()


def test_a_fill_uses_the_target_of_its_own_last_close_though_another_market_closed_since():
    """Paris closes at 16:30 and New York opens at 14:30: what Paris showed is later than that open."""
    days = pd.date_range("2024-01-01", periods=3, freq="1D", tz="UTC")
    paris = frame([1.0, 1.0, 1.0], times=days + pd.Timedelta(hours=16.5))
    york = frame([10.0, 10.0, 10.0], times=days + pd.Timedelta(hours=21))
    flat, late = on(york, [0.0, 0.0, 0.0]), on(paris, [0.0, 0.5, 0.5])
    result = portfolio_backtest({"P": paris, "Y": york}, {"P": late, "Y": flat}, FREE, 1000.0, 252)
    assert result.shares["P"].iloc[:-2].eq(0.0).all()  # decided at the second close, filled at the third bar
    assert result.shares["P"].iloc[-2] == 500.0


def test_an_order_is_sized_by_prices_known_when_its_market_opened():
    days = pd.date_range("2024-01-01", periods=3, freq="1D", tz="UTC")
    paris = frame([10.0, 10.0, 10.0], [10.0, 10.0, 99.0], times=days + pd.Timedelta(hours=16.5))
    york = frame([10.0, 10.0, 10.0], times=days + pd.Timedelta(hours=21))
    targets = {"P": on(paris, [0.5, 0.5, 0.5]), "Y": on(york, [0.0, 0.5, 0.5])}
    result = portfolio_backtest({"P": paris, "Y": york}, targets, FREE, 1000.0, 252)
    assert result.shares["Y"].iloc[-1] == 50.0  # not of an account with Paris at 99


@st.composite
def markets(draw):
    """Symbols with their own calendars, wild prices, dividends and targets, and costs of every kind."""
    k, n = draw(st.integers(1, 4)), draw(st.integers(2, 30))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    holes = draw(st.sampled_from([0.0, 0.4]))
    times = pd.date_range("2024-01-01", periods=n, freq="1D", tz="UTC")
    bars, targets = {}, {}
    for i in range(k):
        open_here = random.random(n) >= holes
        open_here[random.integers(n)] = True
        own = times[open_here]
        opens, closes = np.exp(random.normal(0.0, 0.3, (2, len(own))))
        paid = np.where(random.random(len(own)) < 0.1, 0.05, 0.0)
        bars[f"S{i}"] = frame(opens, closes, times=own, dividends=paid)
        weights = random.choice([-1.0, -0.4, 0.0, 0.2, 0.5, 1.0], len(own))
        targets[f"S{i}"] = on(bars[f"S{i}"], weights)
    costs = Costs(
        commission=draw(st.sampled_from([0.0, 0.01])),
        slippage=draw(st.sampled_from([0.0, 0.02])),
        borrow=draw(st.sampled_from([0.0, 0.5])),
        commission_minimum=draw(st.sampled_from([0.0, 3.0])),
        cash_interest=draw(st.sampled_from([0.0, 0.1])),
    )
    return bars, targets, costs


def reference(bars, targets, costs, cash):
    """The same account in plain Python, from the words of the ledger's first page: dictionaries and no kernel."""
    rates = costs.rates(252.0)
    times = sorted(set().union(*(frame.index for frame in bars.values())))
    held, ordered, equity = dict.fromkeys(bars, 0.0), dict.fromkeys(bars, 0.0), []

    def last_close(name, time):
        known = bars[name]["close"].loc[:time]
        return known.iloc[-1] if len(known) else 0.0

    def fee(paid):
        return max(abs(paid) * rates.commission, rates.minimum) if paid else 0.0

    def spent(name, bought, price):
        paid = bought * price * (1 + rates.slippage if bought > 0 else 1 - rates.slippage)
        return paid + fee(paid)

    def largest(name, requested, price, power):
        """By bisection: the most on the side requested that is worth no more than the power after its costs."""
        side, low, high = np.sign(requested), max(np.sign(requested) * held[name], 0.0), abs(requested)

        def fits(size):
            bought = side * size - held[name]
            loss = spent(name, bought, price) - bought * price if bought else 0.0
            return size * price <= power - loss

        if fits(high):
            return requested
        if not fits(low) and rates.minimum == 0.0:
            low, high = 0.0, low  # it holds more than it may: the rule of one symbol brings it back
            slope = (1 + side * rates.slippage) * (1 + side * rates.commission) - 1
            return side * max(power + side * held[name] * price * side * slope, 0.0) / ((1 + side * slope) * price)
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        return side * low

    for time in times:
        opening = {name: frame.index[frame.index < time] for name, frame in bars.items() if time in frame.index}
        groups = sorted({index[-1] for index in opening.values() if len(index)})
        for known in groups:
            members = [name for name, index in opening.items() if len(index) and index[-1] == known]
            price = {n: bars[n].loc[time, "open"] if n in members else last_close(n, known) for n in bars}
            cash += sum(held[name] * bars[name].loc[time, "dividends"] for name in members)
            value = cash + sum(held[name] * price[name] for name in bars)
            orders = {
                n: targets[n].loc[known] * value / price[n] for n in members if targets[n].loc[known] != ordered[n]
            }
            ordered |= {name: targets[name].loc[known] for name in members}
            if value <= 0.0:
                cash, held = 0.0, dict.fromkeys(bars, 0.0)
                continue
            for name, size in list(orders.items()):
                if (size - held[name]) * size <= 0.0:
                    if abs(size - held[name]) * price[name] > 1e-12 * value or size == 0.0:
                        cash -= spent(name, size - held[name], price[name])
                        held[name] = size
                    del orders[name]
            left = cash + sum(held[name] * price[name] for name in bars)
            taken = {n: 0.0 if n in orders and orders[n] * held[n] < 0 else abs(held[n]) * price[n] for n in bars}
            needs = {}
            for name, size in orders.items():
                bought = size - held[name]
                needs[name] = (
                    abs(size) * price[name] - taken[name] + spent(name, bought, price[name]) - bought * price[name]
                )
            free, total = max(left - sum(taken.values()), 0.0), sum(needs.values())
            for name, need in needs.items():
                taken[name] += free * need / total
            for name, size in orders.items():
                got = largest(name, size, price[name], left - sum(taken[n] for n in bars if n != name))
                if abs(got - held[name]) * price[name] > 1e-12 * value or got == 0.0:
                    cash -= spent(name, got - held[name], price[name])
                    held[name] = got
        marks = {name: last_close(name, time) for name in bars}
        short = sum(-held[name] * marks[name] for name in bars if held[name] < 0)
        cash += rates.interest * max(min(cash, cash - short), 0.0) - rates.borrow * short
        worth = cash + sum(held[name] * marks[name] for name in bars)
        if worth <= 0.0:
            cash, held, worth = 0.0, dict.fromkeys(bars, 0.0), 0.0
        equity.append(worth)
    return equity


@given(markets())
@settings(max_examples=60, deadline=None)
def test_the_ledger_equals_a_plain_reference(case):
    bars, targets, costs = case
    result = portfolio_backtest(bars, targets, costs, 1000.0, 252.0)
    np.testing.assert_allclose(result.equity, reference(bars, targets, costs, 1000.0), rtol=1e-8, atol=1e-6)


@given(markets())
@settings(max_examples=60, deadline=None)
def test_for_one_symbol_it_equals_the_ledger_of_one_symbol_to_the_last_bit(case):
    bars, targets, costs = case
    one = {"S0": bars["S0"]}
    result = portfolio_backtest(one, {"S0": targets["S0"]}, costs, 1000.0, 252.0)
    single = backtest(bars["S0"], targets["S0"], costs, 1000.0, 252.0)
    np.testing.assert_array_equal(result.equity.to_numpy(), single.equity.to_numpy())
    np.testing.assert_array_equal(result.shares["S0"].to_numpy(), single.shares.to_numpy())
    np.testing.assert_array_equal(result.benchmark.to_numpy(), single.benchmark.to_numpy())
    if (single.equity > 0.0).all():
        assert list(result.trades[["side", "bars_held"]].itertuples(index=False)) == list(
            single.trades[["side", "bars_held"]].itertuples(index=False)
        )
        for column in ("size", "entry_price", "exit_price", "pnl", "return"):
            np.testing.assert_allclose(result.trades[column], single.trades[column], rtol=1e-7, atol=1e-7)
        assert list(result.trades["entry"]) == list(single.trades["entry"])
        assert result.open_trade == pytest.approx(single.open_trade, abs=1e-7)


@given(markets())
@settings(max_examples=60, deadline=None)
def test_every_bar_is_explained_by_its_symbols_and_the_past_does_not_know_the_future(case):
    bars, targets, costs = case
    result = portfolio_backtest(bars, targets, costs, 1000.0, 252.0)
    alive = (result.equity > 0.0).to_numpy()
    change = result.equity.diff().fillna(result.equity.iloc[0] - 1000.0)
    explained = result.contributions.sum(axis=1) + result.interest
    np.testing.assert_allclose(change[alive], explained[alive], atol=1e-6)
    if alive.all() and (result.shares.iloc[-1] == 0.0).all():
        assert result.trades["pnl"].sum() == pytest.approx(result.contributions.to_numpy().sum(), abs=1e-6)
    cut = result.equity.index[len(result.equity) // 2]
    if all(len(frame.loc[:cut]) for frame in bars.values()):
        before = portfolio_backtest(
            {name: frame.loc[:cut] for name, frame in bars.items()},
            {name: target.loc[:cut] for name, target in targets.items()},
            costs,
            1000.0,
            252.0,
        )
        np.testing.assert_array_equal(before.equity.to_numpy(), result.equity.loc[:cut].to_numpy())


def test_bad_inputs_are_refused_by_name():
    bars = frame([10.0] * 3)
    with pytest.raises(NightdeskError, match="no bars"):
        portfolio_backtest({}, {})
    with pytest.raises(NightdeskError, match="different symbols: B"):
        portfolio_backtest({"A": bars}, {"A": on(bars, [0, 0, 0]), "B": on(bars, [0, 0, 0])})
    with pytest.raises(NightdeskError, match="not indexed by times"):
        portfolio_backtest({"A": bars.reset_index(drop=True)}, {"A": pd.Series([0.0] * 3)})
