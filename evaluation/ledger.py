"""The one accounting: what targets become in cash and shares, for backtests and for training environments.

A target weight decided at the close of bar t is ordered once, when it differs from the target before it, and filled at
the open of t+1. The order is sized by the account's value at that open (shares valued there); slippage moves the price
of the fill against the account, commission is a rate on what was paid, but not less than a minimum an order, and the
shares are then held until the target changes again. After a fill the shares may not be worth more than the account has
left after costs, so nothing is bought on credit; an order that could not pay for itself is not made. An account worth
nothing at an open or a close is closed there and stays at zero.

Prices are adjusted for splits but not for dividends: a dividend is paid in cash on the shares held over its ex-date,
before the fill at the open of that bar, and taken from who is short. It changes no target, so it is not reinvested.
Positive cash may earn interest, and what is short costs its borrow, at each close.

`step` is one bar of that for environments that decide as they go; `simulate` is every bar of many strategies. `step`
is pure, allocates nothing and costs some nanoseconds, so an environment of many symbols and episodes is a compiled loop
over arrays of cash, shares and targets, one `Account` made of each and written back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

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


class Rates(NamedTuple):
    """Costs as the kernel takes them: `borrow` and `interest` are the rates of one bar, `minimum` is money."""

    commission: float
    slippage: float
    borrow: float
    minimum: float = 0.0
    interest: float = 0.0


class Account(NamedTuple):
    """Cash, shares (negative: sold short), and the target that was ordered last."""

    cash: float
    shares: float
    target: float


@njit(cache=True)
def worth(account: Account, price: float) -> float:
    """What the account would come to at `price`."""
    return account.cash + account.shares * price


@njit(cache=True)
def commission(paid: float, rates: Rates) -> float:
    """What the broker takes for an order worth `paid` (negative: sold)."""
    return max(abs(paid) * rates.commission, rates.minimum) if paid != 0.0 else 0.0


@njit(cache=True)
def _most(  # noqa: PLR0917 -- a kernel takes its arguments by position
    value: float, side: float, shares: float, price: float, slippage: float, commission: float
) -> float:
    """The shares on `side` that are worth no more than an account of `value` has left after trading to them."""
    cost = side * ((1.0 + side * slippage) * (1.0 + side * commission) - 1.0)
    return max(value + side * shares * price * cost, 0.0) / ((1.0 + cost) * price)


@njit(cache=True)
def affordable(target: float, value: float, shares: float, price: float, rates: Rates) -> float:
    """The shares that `target` asks for, or as many as leave them worth no more than the account after costs."""
    wanted = target * value / price
    if (wanted - shares) * wanted <= 0.0:
        return wanted  # coming nearer to flat needs no buying power
    side = 1.0 if wanted > 0.0 else -1.0
    limit = _most(value, side, shares, price, rates.slippage, rates.commission)
    if rates.minimum > 0.0:
        least = _most(value - rates.minimum, side, shares, price, rates.slippage, 0.0)
        limit = max(min(limit, least), side * shares)
    return side * min(side * wanted, limit)


@njit(cache=True)
def fill_price(bought: float, price: float, rates: Rates) -> float:
    """What a share costs when `bought` of them (negative: sold) are filled at `price`."""
    return price * (1.0 + rates.slippage) if bought > 0.0 else price * (1.0 - rates.slippage)


@njit(cache=True)
def settle(cash: float, bought: float, price: float, rates: Rates) -> float:
    """The cash left after `bought` shares (negative: sold) at `price`."""
    paid = bought * fill_price(bought, price, rates)
    return cash - paid - commission(paid, rates)


@njit(cache=True)
def collect(account: Account, dividend: float) -> Account:
    """The account after `dividend` was paid on each share it held over the ex-date."""
    return Account(account.cash + account.shares * dividend, account.shares, account.target)


@njit(cache=True)
def fill(account: Account, target: float, price: float, rates: Rates) -> Account:
    """The account after the open at `price`, where a target that differs from the last one is ordered and filled."""
    value = worth(account, price)
    if value <= 0.0:
        return Account(0.0, 0.0, target)
    if target == account.target:
        return account
    shares = affordable(target, value, account.shares, price, rates)
    return Account(settle(account.cash, shares - account.shares, price, rates), shares, target)


@njit(cache=True)
def earned(account: Account, rates: Rates) -> float:
    """The interest of one bar on what cash there is."""
    return rates.interest * max(account.cash, 0.0)


@njit(cache=True)
def mark(account: Account, price: float, rates: Rates) -> Account:
    """The account after the close at `price`, where cash earns its interest and shares sold short cost their borrow."""
    borrowed = max(-account.shares, 0.0) * price
    cash = account.cash + earned(account, rates) - rates.borrow * borrowed
    after = Account(cash, account.shares, account.target)
    return after if worth(after, price) > 0.0 else Account(0.0, 0.0, account.target)


@njit(cache=True)
def step(  # noqa: PLR0917 -- a kernel takes its arguments by position
    account: Account, target: float, open_: float, close: float, rates: Rates, dividend: float = 0.0
) -> Account:
    """The account after one bar whose `target` was decided before its open, and that goes ex `dividend` a share."""
    return mark(fill(collect(account, dividend), target, open_, rates), close, rates)


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
    """Take the range [low, high] of a bar into the trade's worst and best return on its average entry price."""
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


@njit(cache=True)
def _book(  # noqa: PLR0917 -- a kernel takes its arguments by position
    trades: Any, count: int, strategy: int, bar: int, before: Account, after: Account, price: float, rates: Rates
) -> int:
    """Write the fill that took the account from `before` to `after` into its trades; return how many are complete."""
    cash, held = before.cash, before.shares
    bought = after.shares - held
    each = fill_price(bought, price, rates)
    if held != 0.0 and held * after.shares <= 0.0:
        # An order that turns the position around pays one commission, each half by its shares.
        cash = max(cash + held * each - commission(bought * each, rates) * abs(held / bought), 0.0)
        _close_trade(trades[count], bar, held, each, cash)
        count += 1
        held = 0.0
    if after.shares == 0.0:
        return count
    if held == 0.0:
        _open_trade(trades[count], strategy, bar, 1 if after.shares > 0.0 else -1, cash)
    trade, more = trades[count], abs(after.shares) - abs(held)
    if more > 0.0:
        trade.opened += more
        trade.paid += more * each
        trade.size = max(trade.size, abs(after.shares))
    else:
        trade.closed -= more
        trade.received -= more * each
    return count


@njit(cache=True)
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
    trades: Any,
) -> int:
    """Every strategy over every bar, written into the last five arrays; returns how many trades were completed."""
    opens, highs, lows, closes = prices
    count = 0
    for s in range(targets.shape[0]):
        p = s if opens.shape[0] > 1 else 0
        account, target = Account(initial_cash, 0.0, 0.0), 0.0
        for t in range(targets.shape[1]):
            before, price, close = collect(account, dividends[p, t]), opens[p, t], closes[p, t]
            account = fill(before, target, price, rates)
            if account.shares != before.shares:
                count = _book(trades, count, s, t, before, account, price, rates)
                value = worth(before, price)
                traded[s, t] = abs(account.shares - before.shares) * price / value if value > 0.0 else 0.0
            if account.shares != 0.0:
                _widen(trades[count], lows[p, t], highs[p, t])
                trades[count].pnl -= earned(account, rates)  # what cash earns is no merit of the trade
            held, account = account.shares, mark(account, close, rates)
            if account.shares != held:
                _close_trade(trades[count], t, held, close, 0.0)
                count += 1
            cash[s, t], shares[s, t], equity[s, t] = account.cash, account.shares, worth(account, close)
            target = targets[s, t]
    return count


@dataclass(frozen=True, eq=False)
class Books:
    """What `simulate` kept: arrays of strategies x bars, and the completed trades as rows of `TRADE`."""

    cash: Array
    shares: Array
    equity: Array
    traded: Array  # worth of the shares that changed hands at the open, as a fraction of the account
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
    changes = np.count_nonzero(np.diff(targets, axis=1, prepend=0.0))
    trades = np.zeros(changes + 1, dtype=TRADE)
    cash, shares, equity, traded = (np.zeros_like(targets) for _ in range(4))
    count = _run(prices, paid, targets, float(initial_cash), rates, cash, shares, equity, traded, trades)
    return Books(cash, shares, equity, traded, trades[:count])
