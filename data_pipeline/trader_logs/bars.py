"""Bars of one market, and its trader's decision in each, with the position before it and the reward after it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from config.errors import UsageError
from data_pipeline.features.indicators import Columns
from data_pipeline.features.rolling import Floats
from data_pipeline.trader_logs.events import MERGE, QUOTE, TRADE, UP, TraderEvents

_TICK = 1e-3  # no price is nearer to 0 or 1: at 0 there is no logarithm
_MS = 1_000_000  # ns
_DUST = 1e-2  # shares: less is what rounding leaves, not a position
_DECIMALS = 6  # of shares; what lies below is left by adding and taking off, and no decision
_LONGEST = 86_400  # seconds of a bar

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TraderBars:
    """A row for each bar that is followed by another, at its close `time` (ms).

    `prices` are the bar's, all of it before `time`. `unrealised` to `age` are the trader's position at `time`. `net`
    and `trades` are what was done in the bar that begins there, and `reward` what it earned: the future.
    """

    time: Ints
    prices: Columns
    unrealised: Floats  # money: the worth of what is held, less what it cost
    cost: Floats  # of what is held
    peak_cost: Floats  # the most that was ever held until now, by cost
    inventory: Floats  # shares of Up less shares of Down
    peak_inventory: Floats
    age: Floats  # seconds since there is a position; 0 without one
    net: Floats  # shares towards Up
    trades: Ints
    reward: Floats  # of the money that the trader had to put up, all in all
    settled: int = 0  # ms of the last event: all rewards are known from then on
    not_held: int = 0  # sales, merges and redemptions of more than the log shows as held

    def __len__(self) -> int:
        return len(self.time)


@dataclass
class Book:
    """What a trader holds of one market, at average cost, and the money that came and went."""

    up: float = 0.0
    down: float = 0.0
    up_cost: float = 0.0
    down_cost: float = 0.0
    cash: float = 0.0
    since: int = -1  # ms of the first share; -1 while there is none
    not_held: int = 0

    def apply(self, t: int, kind: int, *, size: float, money: float, outcome: int, side: int) -> None:
        """Book one trade, merge or redemption."""
        if kind == TRADE and side > 0:
            self._buy(size, money, outcome)
        elif kind == TRADE:
            sold = self._take(size, outcome)
            self.cash += money * sold / size
        elif kind == MERGE:
            pairs = min(size, self.up, self.down)
            self.not_held += size > pairs + _DUST
            self.cash += self._take(pairs, UP)
            self._take(pairs, -UP)
        else:
            self.cash += min(money, max(self.up, self.down))
            self.not_held += money > max(self.up, self.down) + _DUST
            self.up = self.down = self.up_cost = self.down_cost = 0.0
        if self.up + self.down < _DUST:
            self.since = -1
        elif self.since < 0:
            self.since = t

    def _buy(self, size: float, money: float, outcome: int) -> None:
        self.cash -= money
        if outcome == UP:
            self.up += size
            self.up_cost += money
        else:
            self.down += size
            self.down_cost += money

    def _take(self, size: float, outcome: int) -> float:
        """Take shares out at their average cost; how many there were to take."""
        shares = self.up if outcome == UP else self.down
        sold = min(size, shares)
        self.not_held += size > shares + _DUST
        remaining = (shares - sold) / shares if shares > 0 else 0.0
        if outcome == UP:
            self.up, self.up_cost = shares - sold, self.up_cost * remaining
        else:
            self.down, self.down_cost = shares - sold, self.down_cost * remaining
        return sold


@dataclass(frozen=True, eq=False)
class _History:
    """The book after each of its events, the empty one first."""

    t: Ints
    up: Floats
    down: Floats
    cost: Floats
    cash: Floats
    since: Ints
    not_held: int


def _replayed(events: TraderEvents) -> _History:
    booked = np.flatnonzero(events.kind != QUOTE)
    columns = (events.t, events.kind, events.size, events.money, events.outcome, events.side)
    book = Book()
    states = [(0.0, 0.0, 0.0, 0.0, -1)]
    for t, kind, size, money, outcome, side in zip(*(column[booked].tolist() for column in columns), strict=True):
        book.apply(t, kind, size=size, money=money, outcome=outcome, side=side)
        states.append((book.up, book.down, book.up_cost + book.down_cost, book.cash, book.since))
    up, down, cost, cash, since = zip(*states, strict=True)
    return _History(
        events.t[booked],
        up=np.array(up, dtype="f8"),
        down=np.array(down, dtype="f8"),
        cost=np.array(cost, dtype="f8"),
        cash=np.array(cash, dtype="f8"),
        since=np.array(since, dtype="i8"),
        not_held=book.not_held,
    )


def check_length(seconds: int) -> None:
    """Refuse a length that no bar can have."""
    if not 1 <= seconds <= _LONGEST:
        raise UsageError("trades.bar", f"A bar of {seconds}s cannot be made.", f"Choose 1s to {_LONGEST}s.")


def trader_bars(events: TraderEvents, seconds: int) -> TraderBars:
    """Bars of `seconds`, aligned to the clock, from the first price to the last.

    A bar [a, b) is over at b and knows what happened at t < b; what the trader did at b or later is joined to it as the
    decision that followed. So no state knows of anything at the time of a trade, or after it.
    """
    check_length(seconds)
    length = seconds * 1000
    priced = events.kind <= TRADE
    bar = events.t // length
    first, last = (int(bar[priced][0]), int(bar[priced][-1])) if priced.any() else (0, 0)
    rows = last - first
    time = (np.arange(first, last, dtype="i8") + 1) * length
    prices = _prices(events, priced, bar[priced] - first, rows + 1)
    opened, high, low, close, volume = (column[:rows] for column in prices)
    columns = Columns(opened, high, low, close, volume, wall=lambda: time * _MS - 1)
    is_trade = events.kind == TRADE
    history = _replayed(events)
    latest = np.searchsorted(
        history.t, time, side="left"
    )  # index of the state after the last event before each bar's end
    inventory, cost = history.up - history.down, history.cost
    worth = history.up[latest] * close + history.down[latest] * (1.0 - close)
    since = history.since[latest]
    return TraderBars(
        time,
        columns,
        unrealised=worth - cost[latest],
        cost=cost[latest],
        peak_cost=np.maximum.accumulate(cost)[latest],
        inventory=inventory[latest],
        peak_inventory=np.maximum.accumulate(np.abs(inventory))[latest],
        age=np.where(since < 0, 0.0, (time - since) / 1000.0),
        net=_after_first(bar[is_trade] - first, rows, events.signed[is_trade]).round(_DECIMALS),
        trades=_after_first(bar[is_trade] - first, rows).astype("i8"),
        reward=_rewards(history, history.cash[latest] + worth, prices[3][-1:]),
        settled=int(events.t[-1]) if len(events) else 0,
        not_held=history.not_held,
    )


def _after_first(bar: Ints, rows: int, weights: Floats | None = None) -> Floats:
    """The sums by bar, without the first bar, which no row comes before."""
    return np.bincount(bar, weights, minlength=rows + 1)[1 : rows + 1].astype("f8")


def _prices(events: TraderEvents, priced: npt.NDArray[np.bool_], bar: Ints, bars: int) -> list[Floats]:
    """Open, high, low, close of every bar, the close before where nothing happened in it; and the trader's volume."""
    if not len(bar):
        return [np.empty(0)] * 5
    price = np.clip(events.price[priced], _TICK, 1.0 - _TICK)
    starts = np.flatnonzero(np.concatenate([[True], bar[1:] != bar[:-1]]))
    ends = np.append(starts[1:], len(bar)) - 1
    happened = np.zeros(bars, dtype=bool)
    happened[bar[starts]] = True
    which = np.cumsum(happened) - 1  # for each bar, the newest one in which something happened
    close = price[ends][which]
    per_bar = (price[starts], np.maximum.reduceat(price, starts), np.minimum.reduceat(price, starts))
    columns = [np.where(happened, column[which], close) for column in per_bar]
    return [*columns, close, np.bincount(bar, events.size[priced], minlength=bars)]


def _rewards(history: _History, equity: Floats, last_price: Floats) -> Floats:
    """What each bar added to the trader's money and holdings, as a part of the most money that was ever put up.

    The last bar is credited with all that followed: merges, redemption, or else the worth at the last price.
    """
    if not len(equity):
        return equity
    final = history.cash[-1] + history.up[-1] * last_price + history.down[-1] * (1.0 - last_price)
    put_up = -history.cash.min()
    gains = np.diff(np.concatenate([equity, final]))
    return gains / put_up if put_up > 0 else np.zeros(len(gains))
