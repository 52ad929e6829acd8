"""Planted edges: markets that move as some coin tosses say, so that these have skill of a known size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from config.settings import CostParams
from data_pipeline.bars.bars import Bars
from evaluation.metrics.formulas import Array
from evaluation.null_markets.recipes import CoinToss
from evaluation.null_markets.sizes import Sizes
from evaluation.null_markets.worlds import BARS_A_YEAR, closes, market, unpredictable


@dataclass(frozen=True)
class Edge:
    """What the moves of a market get for each coin toss, a bar: `timing` while it is long, less its mean, and `drift`.

    A coin toss that is long a share e of the time, on a market of standard deviation s, has of its active returns
    (timing e (1 - e) - costs) / (s sqrt(e (1 - e))) as its Sharpe ratio, and beyond cash
    (drift e + timing e (1 - e) - costs) / (s sqrt(e)). Both are to be the same.
    """

    timing: float
    drift: float

    @classmethod
    def of(cls, sharpe: float, share: float, turns: float, *, deviation: float, coins: int, cost: float) -> Edge:
        """The edge for a yearly Sharpe ratio after costs, where positions change in a share `turns` of bars."""
        spread, timing = share * (1.0 - share), 0.0
        a_bar = sharpe / np.sqrt(BARS_A_YEAR)
        total = deviation
        for _ in range(20):  # the edge moves the market too
            timing = (a_bar * total * np.sqrt(spread) + turns * cost) / spread
            total = float(np.sqrt(deviation**2 + coins * timing**2 * spread))
        drift = a_bar * total * (np.sqrt(share) - np.sqrt(spread)) / share
        return cls(float(timing), float(drift))


def planted_market(
    symbol: str,
    coins: Sequence[CoinToss],
    sizes: Sequence[Sizes],
    random: np.random.Generator,
    *,
    sharpe: float,
    rows: int,
    costs: CostParams,
) -> Bars:
    """A market that each of these coin tosses times with this Sharpe ratio after costs; they are long half the time."""
    moves = unpredictable(sizes, rows, random)
    drift = np.zeros(rows)
    for coin in coins:
        held = _held(coin, symbol, rows)
        edge = Edge.of(
            sharpe,
            float(held.mean()),
            float(np.mean(np.diff(held) != 0.0)),
            deviation=float(np.sqrt(moves.variance.mean())),
            coins=len(coins),
            cost=costs.commission + costs.slippage,
        )
        drift += edge.timing * (held - held.mean()) + edge.drift / len(coins)
    return market(symbol, moves, drift)


def _held(coin: CoinToss, symbol: str, rows: int) -> Array:
    """What it holds in each session: what it decided at the close before."""
    tosses = coin.tosses(symbol, closes(rows)).astype(np.float64)
    return np.concatenate([[0.0], tosses[:-1]])
