"""Round trips of a portfolio: each symbol's, from flat to flat or to the other side, by the books of its account."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evaluation.accounting.account import Rates
from evaluation.portfolio.ledger import CLOSED, Market, PortfolioBooks

# The columns of the trades of an account, and their types.
COLUMNS = {
    "entry": "datetime64[ns, UTC]",
    "exit": "datetime64[ns, UTC]",
    "side": "str",
    "size": "float64",
    "entry_price": "float64",
    "exit_price": "float64",
    "pnl": "float64",
    "return": "float64",
    "bars_held": "int64",
    "symbol": "str",
}


@dataclass
class _Trip:
    """A round trip so far: `paid` and `received` are what was bought towards it and sold from it, by shares."""

    entry: int
    side: float
    pnl: float = 0.0
    size: float = 0.0
    opened: float = 0.0
    paid: float = 0.0
    closed: float = 0.0
    received: float = 0.0

    def add(self, shares: float, price: float) -> None:
        """More shares on its side."""
        self.opened += shares
        self.paid += shares * price

    def take(self, shares: float, price: float) -> None:
        """Fewer."""
        self.closed += shares
        self.received += shares * price


def round_trips(
    books: PortfolioBooks, market: Market, rates: Rates, names: list[str], times: pd.DatetimeIndex
) -> tuple[pd.DataFrame, float | None]:
    """The completed ones in the order of their ends, and the return so far of what is open at the last close.

    Columns are those of a backtest of one symbol, without excursions, and the `symbol`. P&L is after commission, borrow
    and dividends, and without what cash earned.
    """
    rows, unfinished = [], []
    for i, name in enumerate(names):
        for trip, end, complete in _trips(i, books, market, rates):
            if complete:
                held = int((market.previous[i, trip.entry + 1 : end + 1] != CLOSED).sum())
                rows.append(_row(trip, end, held, name, times))
            else:
                unfinished.append((trip.pnl, trip.paid))
    paid = sum(each for _, each in unfinished)
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS).sort_values("exit", kind="stable")
    return table.reset_index(drop=True), sum(pnl for pnl, _ in unfinished) / paid if paid else None


def _row(trip: _Trip, end: int, held: int, name: str, times: pd.DatetimeIndex) -> list[Any]:
    side, prices = ("long" if trip.side > 0.0 else "short"), (trip.paid / trip.opened, trip.received / trip.closed)
    return [times[trip.entry], times[end], side, trip.size, *prices, trip.pnl, trip.pnl / trip.paid, held, name]


def _trips(i: int, books: PortfolioBooks, market: Market, rates: Rates) -> Iterator[tuple[_Trip, int, bool]]:
    """The trips of one symbol with their last bars, and whether they are complete."""
    shares, made = books.shares[i], np.concatenate([[0.0], np.cumsum(books.pnl[i])])
    trip, counted = None, 0  # of the symbol's P&L, the bars before `counted` belong to a trip
    for t in map(int, np.flatnonzero(np.diff(shares, prepend=0.0))):
        before, after = (shares[t - 1] if t else 0.0), shares[t]
        ruined = books.equity[t] == 0.0
        price = market.marks[i, t] if ruined else _paid_price(after - before, market.opens[i, t], rates)
        if trip is not None:
            trip.pnl += made[t] - made[counted]
            counted = t
            if before * after <= 0.0:
                trip.take(abs(before), price)
                closing = _closing(i, t, before, after, price, market, rates) if after else books.pnl[i, t]
                trip.pnl += closing
                yield trip, t, True
                trip = _Trip(t, float(np.sign(after)), pnl=-closing) if after else None
            elif abs(after) < abs(before):
                trip.take(abs(before) - abs(after), price)
        if trip is None and after:
            trip = _Trip(t, float(np.sign(after)))
        if trip is None:
            counted = t + 1
            continue
        counted = t
        if (more := abs(after) - (abs(before) if before * after > 0.0 else 0.0)) > 0.0:
            trip.add(more, price)
        trip.size = max(trip.size, abs(after))
    if trip is not None:
        trip.pnl += made[-1] - made[counted]
        yield trip, len(shares) - 1, False


def _paid_price(bought: float, price: float, rates: Rates) -> float:
    return price * (1.0 + rates.slippage) if bought > 0.0 else price * (1.0 - rates.slippage)


def _closing(  # noqa: PLR0917 -- the parts of one fill
    i: int, t: int, before: float, after: float, price: float, market: Market, rates: Rates
) -> float:
    """What the old side made in the bar in which an order turned it around, with its part of the commission."""
    bought = after - before
    fee = max(abs(bought * price) * rates.commission, rates.minimum) * abs(before / bought)
    return float(before * (price - market.marks[i, t - 1] + market.dividends[i, t]) - fee)
