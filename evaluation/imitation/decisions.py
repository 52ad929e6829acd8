"""The decisions of a trader and of its copy, bar by bar, as classes from strong buy to strong sell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_pipeline import actions
from evaluation.metrics.formulas import Array

Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]
CLASSES = actions.GRADES
HOLD = actions.NO_TRADE
# Buys are towards Up, sells towards Down.
SIDES: Codes = -np.sign(np.arange(len(CLASSES)) - HOLD)


def codes_of(position: pd.Series) -> Codes:
    """The class of each position, which is the strength of an action."""
    return actions.GRADED.code(position.to_numpy(dtype=np.float64))


@dataclass(frozen=True, eq=False)
class MarketDecisions:
    """One market, a row for each bar on which the trader's decision is known.

    Args:
        name: of the market.
        trained_until: the last close that the model which decided here had learned from.
        time: the closes at which both decided.
        actual: what the trader decided.
        copied: what the model decided, with its `confidence`.
        price: of Up, at each close.
        elapsed: the share of the market that is over, from 0 to 1.
        baselines: by rule, what it would have decided.
        live: whether the model's decision was published.
    """

    name: str
    trained_until: datetime
    time: pd.DatetimeIndex
    actual: Codes
    copied: Codes
    confidence: Array
    price: Array
    elapsed: Array
    baselines: Mapping[str, Codes]
    live: Mask

    def __len__(self) -> int:
        return len(self.time)

    def rows(self, chosen: Mask) -> MarketDecisions:
        """Only these rows."""
        return replace(
            self,
            time=self.time[chosen],
            actual=self.actual[chosen],
            copied=self.copied[chosen],
            confidence=self.confidence[chosen],
            price=self.price[chosen],
            elapsed=self.elapsed[chosen],
            baselines={rule: codes[chosen] for rule, codes in self.baselines.items()},
            live=self.live[chosen],
        )


def joined(markets: Sequence[MarketDecisions], column: str) -> NDArray[np.float64]:
    """One column of all markets, one after the other."""
    parts = [np.asarray(getattr(market, column)) for market in markets]
    return np.concatenate(parts) if parts else np.empty(0)


def joined_codes(markets: Sequence[MarketDecisions], column: str) -> Codes:
    """One column of classes of all markets, one after the other."""
    return joined(markets, column).astype(np.int64)
