"""The ledger: plays many strategies over all bars and records cash, shares, equity and round trips of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from evaluation.accounting.account import (
    Account,
    Rates,
    collect,
    commission,
    compiled,
    earned,
    fill,
    fill_price,
    mark,
    worth,
)

Array = NDArray[np.float64]

# One row a round trip, from flat to flat or to the other side; bars are positions in the arrays given. `opened` and
# `closed` count shares, `paid` and `received` are what they were worth at their fills, excursions are returns.
TRADE = np.dtype(
    [
        ("strategy", np.int64),
        ("entry", np.int64),
        ("exit", np.int64),
        ("side", np.int64),
        ("size", np.float64),
        ("opened", np.float64),
        ("paid", np.float64),
        ("closed", np.float64),
        ("received", np.float64),
        ("pnl", np.float64),
        ("mae", np.float64),
        ("mfe", np.float64),
    ]
)


@njit(cache=True)
def _open_trade(trade: Any, strategy: int, bar: int, side: int, cash: float) -> None:
    trade.strategy = strategy
    trade.entry = bar
    trade.side = side
    trade.size = 0.0
    trade.opened = 0.0
    trade.paid = 0.0
    trade.closed = 0.0
    trade.received = 0.0
    trade.pnl = -cash
    trade.mae = 0.0
    trade.mfe = 0.0


@njit(cache=True)
def _widen(trade: Any, low: float, high: float) -> None:
    """Take the range [low, high] of prices into the trade's worst and best return on its average entry price."""
    entry = trade.paid / trade.opened
    at_low = trade.side * (low / entry - 1.0)
    at_high = trade.side * (high / entry - 1.0)
    trade.mae = min(trade.mae, at_low, at_high)
    trade.mfe = max(trade.mfe, at_low, at_high)


@njit(cache=True)
def _close_trade(trade: Any, bar: int, shares: float, price: float, cash: float) -> None:
    _widen(trade, price, price)
    trade.exit = bar
    trade.closed += abs(shares)
    trade.received += abs(shares) * price
    trade.pnl += cash


@compiled
def _book(  # noqa: PLR0917 -- a kernel takes its arguments by position
    trades: Any, count: int, strategy: int, bar: int, before: Account, after: Account, price: float, rates: Rates
) -> int:
    """Write the fill that took the account from `before` to `after` into its trades; return how many are complete."""
    cash, shares = before.cash, before.shares
    bought = after.shares - shares
    price_paid = fill_price(bought, price, rates)
    if shares != 0.0 and shares * after.shares <= 0.0:
        # An order that turns the position around pays one commission, each half by its shares.
        cash = max(cash + shares * price_paid - commission(bought * price_paid, rates) * abs(shares / bought), 0.0)
        _close_trade(trades[count], bar, shares, price_paid, cash)
        count += 1
        shares = 0.0
    if after.shares == 0.0:
        return count
    if shares == 0.0:
        _open_trade(trades[count], strategy, bar, 1 if after.shares > 0.0 else -1, cash)
    trade, more = trades[count], abs(after.shares) - abs(shares)
    if more > 0.0:
        trade.opened += more
        trade.paid += more * price_paid
        trade.size = max(trade.size, abs(after.shares))
    else:
        trade.closed -= more
        trade.received -= more * price_paid
    return count


@compiled
def _run(  # noqa: PLR0917 -- a kernel takes its arguments by position
    prices: Array,
    dividends: Array,
    targets: Array,
    initial_cash: float,
    rates: Rates,
    cash: Array,
    shares: Array,
    equity: Array,
    traded: Array,
    unfinished: Array,
    trades: Any,
) -> int:
    """Every strategy over every bar, written into the last six arrays; returns how many trades were completed."""
    opens, highs, lows, closes = prices
    count = 0
    for s in range(targets.shape[0]):
        p = s if opens.shape[0] > 1 else 0
        account, target, low, high = Account(initial_cash, 0.0, 0.0), 0.0, np.inf, 0.0
        for t in range(targets.shape[1]):
            before, price, close = collect(account, dividends[p, t]), opens[p, t], closes[p, t]
            account = fill(before, target, price, rates)
            if account.shares != before.shares:
                if before.shares != 0.0:
                    _widen(trades[count], low, high)
                count = _book(trades, count, s, t, before, account, price, rates)
                value = worth(before, price)
                traded[s, t] = abs(account.shares - before.shares) * price / value if value > 0.0 else 0.0
                low, high = np.inf, 0.0  # the range between two fills, at one average entry price
            open_shares = account.shares
            if open_shares != 0.0:
                low, high = min(low, lows[p, t]), max(high, highs[p, t])
                if rates.interest > 0.0:
                    trades[count].pnl -= earned(
                        account, close, rates
                    )  # interest on cash is not part of the trade's P&L
            account = mark(account, close, rates)
            if account.shares != open_shares:
                _widen(trades[count], low, high)
                _close_trade(trades[count], t, open_shares, close, 0.0)
                count += 1
            cash[s, t], shares[s, t], equity[s, t] = account.cash, account.shares, worth(account, close)
            target = targets[s, t]
        if account.shares != 0.0:
            unfinished[s] = (trades[count].pnl + worth(account, closes[p, -1])) / trades[count].paid
    return count


@njit(cache=True)
def _changes(targets: Array) -> int:
    """How often a target differs from the one before it, the first from none."""
    changes = 0
    for s in range(targets.shape[0]):
        before = 0.0
        for t in range(targets.shape[1]):
            changes += targets[s, t] != before
            before = targets[s, t]
    return changes


@dataclass(frozen=True, eq=False)
class Books:
    """The result of `simulate`: arrays of strategies x bars, and the completed trades as rows of `TRADE`."""

    cash: Array
    shares: Array
    equity: Array
    traded: Array  # worth of the shares that changed hands at the open, as a fraction of the account
    unfinished: Array  # of each strategy: the return, at the last close, of a trade that is still open, or NaN
    trades: NDArray[Any]


def simulate(prices: Array, targets: Array, initial_cash: float, rates: Rates, dividends: Array | None = None) -> Books:
    """Run every row of `targets` (strategies x bars) over `prices` and keep the books.

    `prices` holds open, high, low and close, each one row for all strategies or one row for each (4 x rows x bars);
    `dividends`, by the bar that goes ex, has as many rows. Inputs are trusted: `backtest` checks what people give.
    """
    targets = np.ascontiguousarray(targets, dtype=np.float64)
    prices = np.ascontiguousarray(prices, dtype=np.float64)
    paid = np.zeros_like(prices[0]) if dividends is None else np.ascontiguousarray(dividends, dtype=np.float64)
    # Every trade begins at a change of target, so there are never more trades than changes.
    trades = np.empty(_changes(targets) + 1, dtype=TRADE)
    cash, shares, equity, traded = *(np.empty_like(targets) for _ in range(3)), np.zeros_like(targets)
    unfinished = np.full(len(targets), np.nan)
    count = _run(prices, paid, targets, float(initial_cash), rates, cash, shares, equity, traded, unfinished, trades)
    return Books(cash, shares, equity, traded, unfinished, trades[:count])
