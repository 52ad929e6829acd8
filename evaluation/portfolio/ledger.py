"""The ledger of a portfolio: target weights of several symbols in one cash account, bar after bar.

It is the accounting of one symbol (`evaluation.accounting.account`) with a shared account, and for one symbol it gives
the same numbers. What sharing adds:

- An order is sized by the worth of the whole account at the open of its fill: symbols that open there are valued at
  that open, all others at the last close that was known when the target was decided.
- Orders that bring a symbol nearer to flat are filled first. If the orders that remain need more than the account then
  has, they share it in proportion to their need. After a fill all holdings together are worth no more than the account.
- Markets may have different calendars. Time is the union of all closes; a symbol without a bar there is not traded, and
  is marked at its last close. Its fill uses the target of its own last close, even if others closed since: what they
  showed may be later than its open.
- Interest and borrow are charged at each of these instants, by the worth of what is short of all symbols together.
- An account worth nothing at an open or a close is closed there, with all its holdings, and stays at zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.accounting.account import DUST, Rates, compiled, settle, within
from evaluation.accounting.ledger import Array

CLOSED = -2  # in `previous`: the symbol has no bar at this instant
FIRST = -1  # in `previous`: it has, and none before it


@dataclass(frozen=True, eq=False)
class Market:
    """The prices of all symbols, as arrays of symbols x instants.

    Args:
        opens: of the bars that close at each instant; anything where there is none.
        marks: the last close at each instant; 0 before the first.
        dividends: by the bar that goes ex.
        previous: the instant of the symbol's bar before this one, or `FIRST`; `CLOSED` where it has no bar.
    """

    opens: Array
    marks: Array
    dividends: Array
    previous: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PortfolioBooks:
    """The account at each instant; arrays with two axes are symbols x instants.

    `traded` is the worth of what changed hands as a fraction of the account; `pnl` is the money that each symbol made
    in each bar, after its costs and with its dividends. Their sum and `interest` are the change of the equity.
    """

    cash: Array
    equity: Array
    interest: Array
    shares: Array
    traded: Array
    pnl: Array


@compiled
def _account_value(cash: float, shares: Array, prices: Array) -> float:
    value = cash
    for i in range(shares.size):
        value += shares[i] * prices[i]
    return value


@compiled
def _need(requested: float, shares: float, price: float, rates: Rates) -> float:
    """The buying power beyond what the shares on the same side already take that an order needs, costs included."""
    side = 1.0 if requested > 0.0 else -1.0
    slippage = side * ((1.0 + side * rates.slippage) - 1.0)
    commission = (1.0 + side * rates.slippage) * rates.commission
    bought = abs(requested - shares) * price
    more = (abs(requested) - max(side * shares, 0.0)) * price
    return more + bought * slippage + max(bought * commission, rates.minimum)


@compiled
def _fill(  # noqa: PLR0917 -- a kernel takes its arguments by position
    i: int, requested: float, value: float, price: float, rates: Rates, cash: float, shares: Array, traded: Array
) -> float:
    """Hold `requested` shares of symbol i, unless the order is only dust; returns the cash left."""
    bought = requested - shares[i]
    if requested != 0.0 and abs(bought) * price <= DUST * value:
        return cash
    traded[i] += abs(bought) * price / value
    shares[i] = requested
    return float(settle(cash, bought, price, rates))


@compiled
def _rebalance(  # noqa: PLR0917 -- a kernel takes its arguments by position
    orders: NDArray[np.bool_],
    targets: Array,
    prices: Array,
    value: float,
    rates: Rates,
    cash: float,
    shares: Array,
    traded: Array,
    pnl: Array,
) -> float:
    """Fill the orders of one open, of an account of `value`; returns the cash left."""
    k = shares.size
    requested, taken, need = np.zeros(k), np.zeros(k), np.zeros(k)
    for i in range(k):
        if orders[i]:
            requested[i] = targets[i] * value / prices[i]
            if (requested[i] - shares[i]) * requested[i] <= 0.0:
                before = cash
                cash = _fill(i, requested[i], value, prices[i], rates, cash, shares, traded)
                pnl[i] += cash - before
                orders[i] = False
    left = _account_value(cash, shares, prices)
    for i in range(k):
        taken[i] = abs(shares[i]) * prices[i]
        if orders[i]:
            need[i] = _need(requested[i], shares[i], prices[i], rates)
            if requested[i] * shares[i] < 0.0:
                taken[i] = 0.0  # an order that turns around frees what the other side took
    free = max(left - taken.sum(), 0.0)
    if need.sum() > 0.0:
        taken += need / need.sum() * free
    for i in range(k):
        if orders[i]:
            power = left
            for other in range(k):
                if other != i:
                    power -= taken[other]
            before = cash
            affordable = within(requested[i], power, shares[i], prices[i], rates)
            cash = _fill(i, affordable, value, prices[i], rates, cash, shares, traded)
            pnl[i] += cash - before
    return cash


@compiled
def _open(  # noqa: PLR0917 -- a kernel takes its arguments by position
    t: int,
    known: int,
    opens: Array,
    marks: Array,
    dividends: Array,
    previous: NDArray[np.int64],
    targets: Array,
    rates: Rates,
    cash: float,
    shares: Array,
    ordered: Array,
    traded: Array,
    pnl: Array,
) -> float:
    """The open of the bars at instant `t` whose symbols had their last bar at `known`; returns the cash left."""
    k = shares.size
    prices, orders = np.empty(k), np.zeros(k, dtype=np.bool_)
    for i in range(k):
        if previous[i, t] == known:
            prices[i] = opens[i, t]
            orders[i] = targets[i, known] != ordered[i]
            if dividends[i, t] != 0.0:
                cash += shares[i] * dividends[i, t]
                pnl[i] += shares[i] * dividends[i, t]
            ordered[i] = targets[i, known]
        else:
            prices[i] = marks[i, known]
    value = _account_value(cash, shares, prices)
    if value <= 0.0:
        shares[:] = 0.0
        return 0.0
    return float(_rebalance(orders, targets[:, known], prices, value, rates, cash, shares, traded, pnl))


@compiled
def _run(  # noqa: PLR0917 -- a kernel takes its arguments by position
    opens: Array,
    marks: Array,
    dividends: Array,
    previous: NDArray[np.int64],
    targets: Array,
    initial_cash: float,
    rates: Rates,
    cash_book: Array,
    equity: Array,
    interest: Array,
    shares_book: Array,
    traded_book: Array,
    pnl_book: Array,
) -> None:
    """Every instant, written into the last six arrays."""
    k, instants = targets.shape
    cash, shares, ordered = initial_cash, np.zeros(k), np.zeros(k)
    for t in range(instants):
        traded, pnl, before = np.zeros(k), np.zeros(k), np.zeros(k)
        for i in range(k):
            before[i] = shares[i] * marks[i, t - 1] if t > 0 else 0.0
        done = FIRST
        while True:  # the bars of one instant may have begun at different times
            known = t
            for i in range(k):
                if done < previous[i, t] < known:
                    known = previous[i, t]
            if known == t:
                break
            cash = _open(
                t, known, opens, marks, dividends, previous, targets, rates, cash, shares, ordered, traded, pnl
            )
            done = known
        secured = cash
        for i in range(k):
            if shares[i] < 0.0:
                secured += shares[i] * marks[i, t]
        interest[t] = rates.interest * max(min(cash, secured), 0.0)
        fees = 0.0
        for i in range(k):
            fee = rates.borrow * max(-shares[i], 0.0) * marks[i, t]
            fees += fee
            pnl[i] += shares[i] * marks[i, t] - before[i] - fee
        cash += interest[t] - fees
        if _account_value(cash, shares, marks[:, t]) <= 0.0:
            cash = 0.0
            shares[:] = 0.0
        cash_book[t], equity[t] = cash, _account_value(cash, shares, marks[:, t])
        shares_book[:, t], traded_book[:, t], pnl_book[:, t] = shares, traded, pnl


def keep_books(market: Market, targets: Array, initial_cash: float, rates: Rates) -> PortfolioBooks:
    """The account of `targets` (symbols x instants: the newest target that each symbol's own close decided).

    Inputs are trusted: `portfolio_backtest` checks what people give.
    """
    k, instants = targets.shape
    books = PortfolioBooks(*(np.zeros(instants) for _ in range(3)), *(np.zeros((k, instants)) for _ in range(3)))
    _run(
        *(np.ascontiguousarray(part, np.float64) for part in (market.opens, market.marks, market.dividends)),
        np.ascontiguousarray(market.previous, np.int64),
        np.ascontiguousarray(targets, np.float64),
        float(initial_cash),
        rates,
        books.cash,
        books.equity,
        books.interest,
        books.shares,
        books.traded,
        books.pnl,
    )
    return books
