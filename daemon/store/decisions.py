"""Decisions of strategies, by bar: what a policy can learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from daemon.store.rows import all_as
from daemon.store.tables import decisions


@dataclass(frozen=True, kw_only=True)
class NewDecision:
    """What a strategy decided about a symbol at the close of one bar.

    Args:
        run_id: the backtest that made it.
        strategy: the name of its strategy.
        action: buy, hold or sell.
        strength: the share of capital that the action moves.
        position: the share of capital that is held from the next open on.
        reward: the net return of the account over the next bar; None for the newest bar.
        price: the close.
        votes: by analyst its probability that the price rises and its confidence; None where it abstained.
    """

    run_id: int
    strategy: str
    symbol: str
    interval: str
    time: datetime
    action: str
    strength: float
    probability_up: float
    position: float
    reward: float | None
    price: float
    provenance: str
    votes: dict[str, list[float] | None]


@dataclass(frozen=True, kw_only=True)
class Decision(NewDecision):
    """A recorded decision."""

    id: int


def replace(c: Connection, rows: Sequence[NewDecision]) -> None:
    """Record the decisions of one strategy about one symbol, in the place of any it has within their span."""
    if not rows:
        return
    first, last = rows[0], rows[-1]
    c.execute(
        decisions.delete().where(
            decisions.c.strategy == first.strategy,
            decisions.c.symbol == first.symbol,
            decisions.c.interval == first.interval,
            decisions.c.time.between(first.time, last.time),
        )
    )
    c.execute(decisions.insert(), [vars(row) for row in rows])


def between(c: Connection, symbol: str, first: datetime, last: datetime, strategy: str | None = None) -> list[Decision]:
    """The decisions about a symbol in a span, oldest first: of a strategy, or of the one that was recorded last."""
    strategy = strategy if strategy is not None else newest_strategy(c, symbol)
    query = select(decisions).where(
        decisions.c.symbol == symbol, decisions.c.strategy == strategy, decisions.c.time.between(first, last)
    )
    return all_as(c, Decision, query.order_by(decisions.c.time))


def newest_strategy(c: Connection, symbol: str) -> str | None:
    """The strategy whose decisions about a symbol were recorded last."""
    newest = select(func.max(decisions.c.id)).where(decisions.c.symbol == symbol).scalar_subquery()
    return c.execute(select(decisions.c.strategy).where(decisions.c.id == newest)).scalar()
