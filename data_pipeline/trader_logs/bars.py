"""Bars of one market, and its trader's decision in each, with the position before it and the reward after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from config.errors import UsageError
from data_pipeline.features.indicators import Columns
from data_pipeline.features.rolling import Floats, ratio
from data_pipeline.trader_logs.contract import Contract
from data_pipeline.trader_logs.events import MERGE, QUOTE, TRADE, UP, TraderEvents

_TICK = 1e-3  # no price is nearer to 0 or 1: at 0 there is no logarithm
_MS = 1_000_000  # ns
_DUST = 1e-2  # shares: less is what rounding leaves, not a position
_DECIMALS = 6  # of shares; what lies below is left by adding and taking off, and no decision
_LONGEST = 86_400  # seconds of a bar
_EVEN = 0.5  # the price of either outcome when a contract opens

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TraderBars:
    """A row for each bar that is followed by another, at its close `time` (ms).

    The rows of a known contract begin when it opens, with the bar before that, and end a bar before it closes.
    `prices` are the bar's, all of it before `time`; `opening` is what they stood at before the first row. `unrealised`
    to `age` are the trader's position at `time`, `fills` to `bought` what was done in the bar before it. `net`
    and `trades` are what was done in the bar that begins there, and `reward` what it earned: the future.
    """

    time: Ints
    prices: Columns
    opening: float
    priced: npt.NDArray[np.bool_]  # whether any price was known by then
    spread: Floats  # ask less bid as last quoted; NaN before the first such quote
    left: Floats  # the share of the contract that is left; NaN where it is not known
    fills: Ints  # in the bar
    bought: Floats  # shares towards Up, in the bar
    last_fill: Floats  # seconds since the last one; NaN before the first
    unrealised: Floats  # money: the worth of what is held, less what it cost
    cost: Floats  # of what is held
    peak_cost: Floats  # the most that was ever held until now, by cost
    inventory: Floats  # shares of Up less shares of Down
    peak_inventory: Floats
    age: Floats  # seconds since there is a position; 0 without one
    gained: Floats  # money earned until then, in parts of the most that the trader had put up by then
    net: Floats  # shares towards Up
    trades: Ints
    reward: Floats  # of the money that the trader had to put up, all in all
    settled: int = 0  # ms of the last event: all rewards are known from then on
    not_held: int = 0  # sales, merges and redemptions of more than the log shows as held
    put_up: float = 0.0  # the most money that the trader had in the market
    earned: float = 0.0  # all that it earned, in parts of it; more than the sum of `reward` where fills have no row

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


class Grid(NamedTuple):
    """The bars of a market that have a row, numbered since 1970; one more follows, without a row of its own."""

    first: int
    rows: int
    length: int  # ms of a bar

    @property
    def time(self) -> Ints:
        """The close of each, in ms."""
        return (np.arange(self.first, self.first + self.rows, dtype="i8") + 1) * self.length


def trader_bars(events: TraderEvents, seconds: int, contract: Contract | None = None) -> TraderBars:
    """Bars of `seconds`, aligned to the clock: of the whole `contract`, else from the first price to the last."""
    return bars_on(grid_of(events, seconds, contract), events, contract)


def grid_of(events: TraderEvents, seconds: int, contract: Contract | None) -> Grid:
    """The bars of the prices, and of the contract with the one before it."""
    check_length(seconds)
    length = seconds * 1000
    bar = events.t[events.kind <= TRADE] // length
    first, last = (int(bar[0]), int(bar[-1])) if len(bar) else (0, 0)
    if contract is not None and len(bar):
        opens, closes = contract.opens // length, -(-contract.closes // length)
        first, last = min(first, opens) - 1, max(last, closes - 1)
    return Grid(first, last - first, length)


def bars_on(grid: Grid, events: TraderEvents, contract: Contract | None = None) -> TraderBars:
    """These bars of a market with these events.

    A bar [a, b) is over at b and knows what happened at t < b; what the trader did at b or later is joined to it as the
    decision that followed. So no state knows of anything at the time of a trade, or after it. Before the first price of
    a contract both of its outcomes are worth the same.
    """
    first, rows, length = grid
    time = grid.time
    bar = events.t // length - first
    inside = (bar >= 0) & (bar <= rows)
    priced, is_trade = (events.kind <= TRADE) & inside, (events.kind == TRADE) & inside
    opening = _EVEN
    if contract is None and priced.any():
        opening = float(np.clip(events.price[priced][0], _TICK, 1.0 - _TICK))
    prices = _prices(events, priced, bar[priced], rows + 1, opening)
    opened, high, low, close, volume = (column[:rows] for column in prices)
    columns = Columns(opened, high, low, close, volume, wall=lambda: time * _MS - 1)
    history = _replayed(events)
    latest = np.searchsorted(
        history.t, time, side="left"
    )  # index of the state after the last event before each bar's end
    inventory, cost = history.up - history.down, history.cost
    worth = history.up[latest] * close + history.down[latest] * (1.0 - close)
    since = history.since[latest]
    fills, bought = (_by_bar(bar[is_trade], rows, weights) for weights in (None, events.signed[is_trade]))
    earned, put_up = _earned(history, prices[3][-1:])
    equity, at_risk = history.cash[latest] + worth, -np.minimum.accumulate(history.cash)[latest]
    return TraderBars(
        time,
        columns,
        opening=opening,
        priced=np.searchsorted(events.t[priced], time, side="left") > 0,
        spread=_latest(events.t, events.spread, time),
        left=(contract.closes - time) / (contract.closes - contract.opens) if contract else np.full(rows, np.nan),
        fills=fills[:-1].astype("i8"),
        bought=bought[:-1],
        last_fill=(time - _latest(events.t, np.where(is_trade, events.t, np.nan), time)) / 1000.0,
        unrealised=worth - cost[latest],
        cost=cost[latest],
        peak_cost=np.maximum.accumulate(cost)[latest],
        inventory=inventory[latest],
        peak_inventory=np.maximum.accumulate(np.abs(inventory))[latest],
        age=np.where(since < 0, 0.0, (time - since) / 1000.0),
        gained=ratio(equity, at_risk),
        net=bought[1:].round(_DECIMALS),
        trades=fills[1:].astype("i8"),
        reward=_rewards(equity, earned, put_up),
        settled=int(events.t[-1]) if len(events) else 0,
        not_held=history.not_held,
        put_up=put_up,
        earned=earned,
    )


def _by_bar(bar: Ints, rows: int, weights: Floats | None) -> Floats:
    """The sums of every bar."""
    return np.bincount(bar, weights, minlength=rows + 1).astype("f8")


def _latest(t: Ints, values: Floats, time: Ints) -> Floats:
    """The newest value before each time that is a number; NaN where there is none."""
    number = ~np.isnan(values)
    newest = np.searchsorted(t[number], time, side="left")
    return np.concatenate([[np.nan], values[number]])[newest]


def _prices(events: TraderEvents, priced: npt.NDArray[np.bool_], bar: Ints, bars: int, opening: float) -> list[Floats]:
    """Open, high, low, close of every bar, the close before where nothing happened in it; and the trader's volume."""
    if not len(bar):
        return [*(np.full(bars, opening) for _ in range(4)), np.zeros(bars)]
    price = np.clip(events.price[priced], _TICK, 1.0 - _TICK)
    starts = np.flatnonzero(np.concatenate([[True], bar[1:] != bar[:-1]]))
    ends = np.append(starts[1:], len(bar)) - 1
    happened = np.zeros(bars, dtype=bool)
    happened[bar[starts]] = True
    which = np.cumsum(happened)  # for each bar, the newest one in which something happened; 0 before the first
    close = np.concatenate([[opening], price[ends]])[which]
    per_bar = (price[starts], np.maximum.reduceat(price, starts), np.minimum.reduceat(price, starts))
    columns = [np.where(happened, np.concatenate([[opening], column])[which], close) for column in per_bar]
    return [*columns, close, np.bincount(bar, events.size[priced], minlength=bars)]


def _earned(history: _History, last_price: Floats) -> tuple[float, float]:
    """What the market earned as a part of the most money that was ever put up, and that money.

    What is held at the end and was not redeemed is worth the last price.
    """
    put_up = float(-history.cash.min())
    if not put_up > 0 or not len(last_price):
        return 0.0, max(put_up, 0.0)
    price = float(last_price[-1])
    final = history.cash[-1] + history.up[-1] * price + history.down[-1] * (1.0 - price)
    return float(final) / put_up, put_up


def _rewards(equity: Floats, earned: float, put_up: float) -> Floats:
    """What each bar added to the trader's money and holdings, as a part of the most money that was ever put up.

    The last bar is credited with all that followed: merges, redemption, or else the worth at the last price.
    """
    if not len(equity) or not put_up > 0:
        return np.zeros(len(equity))
    return np.diff(np.append(equity / put_up, earned))
