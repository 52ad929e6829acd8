"""Labels of a trader's decisions: whether the price of what was bought rose first, or fell, or neither.

And how the trader itself left what it had bought, to which the barriers of the labels can be fitted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from data_pipeline.features.rolling import Floats
from data_pipeline.labels.triple_barrier import Barriers, barriers_of, long_touches
from data_pipeline.trader_logs.bars import TraderBars
from data_pipeline.trader_logs.events import DOWN, MERGE, REDEEM, TRADE, UP, TraderEvents

_DUST = 1e-9  # shares


class Labels(NamedTuple):
    """A number for each row; NaN where nothing was traded, and where the market ends before the horizon."""

    label: Floats  # 1 profit, -1 stop, 0 neither
    pnl: Floats  # the return until then
    bars_held: Floats


def trader_labels(bars: TraderBars, barriers: Barriers) -> Labels:
    """The labels of all rows, whose barriers stand at parts of the price.

    Up bought or Down sold is an entry into Up at the close of its row, the others are entries into Down, whose price is
    what Up's leaves of 1.
    """
    columns = np.full((3, len(bars)), np.nan)
    has_time = np.arange(len(bars)) + barriers.horizon < len(bars)
    up = bars.prices.close
    for prices, decided in ((up, bars.net > 0.0), (1.0 - up, bars.net < 0.0)):
        entries = np.flatnonzero(decided & has_time)
        columns[:, entries] = long_touches(prices, entries, barriers)
    return Labels(*columns)


class Exit(NamedTuple):
    """One purchase, or a part of it, that was left."""

    gain: float  # of its price; NaN where it was held until the market was settled
    bars: int  # held


class _Lot(NamedTuple):
    bar: int
    price: float
    size: float


def exits(events: TraderEvents, seconds: int) -> list[Exit]:
    """The exits of one market: sales at their price, merges at the last price, and redemptions by time.

    What was bought first is left first. What is never redeemed was held to the last event.
    """
    lots: dict[int, deque[_Lot]] = {UP: deque(), DOWN: deque()}
    left: list[Exit] = []
    last = float("nan")
    columns = (events.t, events.kind, events.price, events.size, events.outcome, events.side)
    bar = 0
    for t, kind, price, size, outcome, side in zip(*(column.tolist() for column in columns), strict=True):
        bar = t // (seconds * 1000)
        last = price if kind <= TRADE else last
        if kind == TRADE and side > 0:
            lots[outcome].append(_Lot(bar, price if outcome == UP else 1.0 - price, size))
        elif kind == TRADE:
            left += _take(lots[outcome], size, bar, price if outcome == UP else 1.0 - price)
        elif kind == MERGE:
            left += _take(lots[UP], size, bar, last) + _take(lots[DOWN], size, bar, 1.0 - last)
        elif kind == REDEEM:
            left += _by_time(lots, bar)
    return left + _by_time(lots, bar)


def _take(lots: deque[_Lot], size: float, bar: int, price: float) -> list[Exit]:
    left: list[Exit] = []
    while lots and size > _DUST:
        lot = lots.popleft()
        if lot.price > 0.0:
            left.append(Exit(price / lot.price - 1.0, bar - lot.bar))
        if lot.size > size:
            lots.appendleft(lot._replace(size=lot.size - size))
        size -= lot.size
    return left


def _by_time(lots: dict[int, deque[_Lot]], bar: int) -> list[Exit]:
    left = [Exit(float("nan"), bar - lot.bar) for each in lots.values() for lot in each]
    for each in lots.values():
        each.clear()
    return left


def exit_barriers(all_exits: Iterable[Exit]) -> Barriers:
    """Barriers that fit these exits: median winner and loser, and a number of bars in which nine of ten are left.

    What was held until its market was settled has no gain that the trader chose, but counts as bars held.
    """
    listed = list(all_exits)
    return barriers_of([each.gain for each in listed], [each.bars for each in listed])
