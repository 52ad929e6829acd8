"""Intervals by bootstrap over markets: markets are drawn with replacement, each with all of its bars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evaluation.metrics.formulas import Array

LEVEL = 0.90
DRAWS = 2000
# Fewer markets say nothing of how markets differ.
LEAST = 5


@dataclass(frozen=True)
class MarketInterval:
    """An estimate, and the bounds between which it lies at `LEVEL`; without bounds where there are too few markets."""

    estimate: float | None
    low: float | None
    high: float | None


def market_interval(by_market: Array, statistic: Callable[[Array], Array], seed: int = 0) -> MarketInterval:
    """The interval of a statistic of sums over markets.

    `by_market` has a row for each market; `statistic` maps an array of sums, one for each draw, to a value each.
    """
    if not len(by_market):
        return MarketInterval(None, None, None)
    estimate = float(statistic(by_market.sum(axis=0)[None])[0])
    if len(by_market) < LEAST or not np.isfinite(estimate):
        return MarketInterval(estimate if np.isfinite(estimate) else None, None, None)
    markets = len(by_market)
    drawn = np.random.default_rng(seed).multinomial(markets, np.full(markets, 1.0 / markets), size=DRAWS)
    values = statistic(np.tensordot(drawn, by_market, axes=1))
    values = values[np.isfinite(values)]
    if not len(values):
        return MarketInterval(estimate, None, None)
    low, high = np.quantile(values, [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0])
    return MarketInterval(estimate, float(low), float(high))
