"""The cost of being one bar late: what the trader's own trades would have returned at the close of the next bar.

A copy cannot trade with its trader, only after it. Every trade of the trader is moved to the close of the bar after the
one in which it happened, in the same size; what is held to the end is worth the last price of the market, or one or
nothing where it was redeemed. Returns are in percent of the money paid for what was bought, on both sides the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from data_pipeline.bars.bars import Bars
from data_pipeline.trader_logs.events import REDEEM, TRADE
from evaluation.imitation.measures.intervals import MarketInterval, market_interval
from evaluation.metrics.formulas import Array

COLUMNS = frozenset({"kind", "price", "size", "outcome", "side"})


@dataclass(frozen=True)
class MarketReturn:
    """Money earned in one market and money paid for what was bought; the same one bar later."""

    earned: float
    paid: float
    earned_late: float
    paid_late: float


@dataclass(frozen=True)
class Delay:
    """The trader's return in percent, the same one bar later, and the difference, each with its interval.

    Undefined, with a reason, where the log holds no trade.
    """

    markets: int
    returned: MarketInterval
    late: MarketInterval
    cost: MarketInterval
    reason: str | None = None


def market_return(bars: Bars, log: pd.DataFrame) -> MarketReturn | None:
    """What the trades of a log earned in their market, at once and one bar later; None without any trade."""
    if not set(log.columns) >= COLUMNS:
        return None
    trades = log[log["kind"] == TRADE]
    if trades.empty or not len(bars):
        return None
    last = float(log["price"][log["kind"] <= TRADE].iloc[-1])
    if (log["kind"] == REDEEM).any():
        last = float(round(last))
    closes = np.append(bars.frame["close"].to_numpy(dtype=np.float64), last)
    # a bar is named by its close and knows nothing of a trade at that very instant, which is of the next one
    row = pd.DatetimeIndex(bars.frame.index).searchsorted(pd.DatetimeIndex(trades.index), side="right") + 1
    late = closes[np.minimum(row, len(closes) - 1)]
    outcome, size = trades["outcome"].to_numpy("f8"), (trades["side"] * trades["size"]).to_numpy("f8")
    prices = trades["price"].to_numpy("f8")
    return MarketReturn(*_earned(prices, last, outcome, size), *_earned(late, last, outcome, size))


def _earned(up: Array, last: float, outcome: Array, size: Array) -> tuple[float, float]:
    """Of trades at these prices of Up: money earned by the end, and money paid."""
    price, worth = np.where(outcome > 0, up, 1.0 - up), np.where(outcome > 0, last, 1.0 - last)
    return float(np.sum(size * (worth - price))), float(np.sum(np.where(size > 0, size * price, 0.0)))


def delay(markets: Mapping[str, Bars], logs: Mapping[str, pd.DataFrame], names: list[str]) -> Delay:
    """The cost of being late over these markets."""
    found = [market_return(markets[name], logs[name]) for name in names if name in logs]
    rows = np.array([[each.earned, each.paid, each.earned_late, each.paid_late] for each in found if each is not None])
    if not len(rows) or not (rows[:, [1, 3]].sum(axis=0) > 0.0).all():
        nothing = MarketInterval(None, None, None)
        return Delay(len(rows), nothing, nothing, nothing, "no_trades")
    return Delay(
        len(rows),
        returned=market_interval(rows, lambda sums: _percent(sums, 0)),
        late=market_interval(rows, lambda sums: _percent(sums, 2)),
        cost=market_interval(rows, lambda sums: _percent(sums, 0) - _percent(sums, 2)),
    )


def _percent(sums: Array, first: int) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        share: Array = 100.0 * sums[:, first] / sums[:, first + 1]
    return share
