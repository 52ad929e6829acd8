"""Worlds: markets that nobody can time.

A null world has the sizes of real moves in blocks, so that volatility comes in spells as it does, and draws the sign of
each move independently, so that nothing says where the next one goes. A drift is added, which whoever holds the market
earns without skill.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

import numpy as np
import pandas as pd

from data_pipeline.bars import calendar
from data_pipeline.bars.bars import Bars
from evaluation.metrics.formulas import Array
from evaluation.null_markets.sizes import Sizes

BARS_A_YEAR = 252
# The memory, in bars, of the volatility that a drift is proportional to.
MEMORY = 21
# Bars that a spell of a rising or a falling market lasts, on average.
SPELL = 252
FIRST, LAST = datetime(2000, 1, 3, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class World:
    """A kind of market.

    Args:
        name: the same in certificates and tables.
        sharpe: the drift, as the Sharpe ratio of holding the market.
        proportional: the drift of each bar is proportional to the volatility of the bars before it.
        spells: the sign of the drift changes from spell to spell, so that a follower of trends has an edge.
    """

    name: str
    sharpe: float
    proportional: bool = False
    spells: bool = False

    def drift(self, variance: Array, random: np.random.Generator) -> Array:
        """What is added to the return of each bar; `variance` is that of each bar."""
        typical = np.sqrt(variance.mean())
        if self.proportional:
            known = np.concatenate([[variance.mean()], variance[:-1]])
            volatility = np.sqrt(pd.Series(known).ewm(span=MEMORY, adjust=False).mean().to_numpy())
        else:
            volatility = np.full(variance.size, typical)
        drift: Array = self.sharpe * volatility / np.sqrt(BARS_A_YEAR)
        return drift * _spells(variance.size, random) if self.spells else drift


NULL_WORLDS = (
    World("drift 0", 0.0),
    World("drift 0.8", 0.8),
    World("drift 1.2", 1.2),
    World("drift 0.8, proportional to volatility", 0.8, proportional=True),
)
BULL_AND_BEAR = World("bull and bear spells, 1.5", 1.5, spells=True)
WORLDS = (*NULL_WORLDS, BULL_AND_BEAR)


@dataclass(frozen=True, eq=False)
class Moves:
    """The returns of a market before they are prices."""

    sizes: Sizes
    gap: Array
    session: Array

    @property
    def variance(self) -> Array:
        """Of the return of each bar."""
        variance: Array = self.sizes.gap**2 + self.sizes.session**2
        return variance


def unpredictable(sizes: Sequence[Sizes], rows: int, random: np.random.Generator) -> Moves:
    """Moves of one of these sizes, each with a sign of its own."""
    drawn = sizes[int(random.integers(len(sizes)))].drawn(rows, random)
    gap, session = random.choice([-1.0, 1.0], (2, rows))
    return Moves(drawn, gap * drawn.gap, session * drawn.session)


def market(symbol: str, moves: Moves, drift: Array) -> Bars:
    """Daily bars of these moves, with a drift in the session of each bar."""
    session = np.maximum(moves.session + drift, -0.95)
    close = 100.0 * np.cumprod((1.0 + moves.gap) * (1.0 + session))
    opens = close / (1.0 + session)
    frame = pd.DataFrame(
        {
            "open": opens,
            "high": np.maximum(opens, close) * (1.0 + moves.sizes.above),
            "low": np.minimum(opens, close) * (1.0 - moves.sizes.below),
            "close": close,
            "volume": 1e6,
        },
        index=closes(close.size),
    )
    return Bars(frame, symbol)


def null_market(symbol: str, world: World, sizes: Sequence[Sizes], rows: int, random: np.random.Generator) -> Bars:
    """A market of this world."""
    moves = unpredictable(sizes, rows, random)
    return market(symbol, moves, world.drift(moves.variance, random))


def _spells(rows: int, random: np.random.Generator) -> Array:
    """Plus and minus one by turns, in spells of random lengths."""
    turns = random.random(rows) < 1.0 / SPELL
    first: float = random.choice([-1.0, 1.0])
    signs: Array = first * np.where(np.cumsum(turns) % 2, -1.0, 1.0)
    return signs


def closes(rows: int) -> pd.DatetimeIndex:
    """The closes of so many daily bars of New York."""
    return _closes()[:rows]


@cache
def _closes() -> pd.DatetimeIndex:
    return calendar.closes("NULL", "1d", FIRST, LAST)
