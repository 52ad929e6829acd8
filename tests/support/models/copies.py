"""Decisions of made-up traders and their copies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from evaluation.imitation.baselines import SimpleRules
from evaluation.imitation.decisions import MarketDecisions
from evaluation.imitation.record import ImitationRecord
from evaluation.signals import Signals

TRAINED = datetime(2026, 1, 1, tzinfo=UTC)


def market(number: int, actual: ArrayLike, copied: ArrayLike, rules: SimpleRules | None = None) -> MarketDecisions:
    """A market that opens so many hours after the training, with a confidence and a price of one half."""
    codes, other = np.asarray(actual, dtype=np.int64), np.asarray(copied, dtype=np.int64)
    bars = len(codes)
    return MarketDecisions(
        name=f"market-{number}",
        trained_until=TRAINED,
        time=pd.date_range(TRAINED + pd.Timedelta(hours=number + 1), periods=bars, freq="30s"),
        actual=codes,
        copied=other,
        confidence=np.full(bars, 0.5),
        price=np.full(bars, 0.5),
        elapsed=np.arange(bars) / max(bars, 1),
        baselines=(rules or SimpleRules.fit([])).decide(codes),
        live=np.zeros(bars, dtype=bool),
    )


def record(markets: Sequence[MarketDecisions]) -> ImitationRecord:
    """Their record."""
    positions = np.array([1.0, 0.5, 0.0, -0.5, -1.0])
    decided = {
        each.name: Signals(pd.Series(positions[each.copied], each.time), pd.Series(np.full(len(each), 0.5), each.time))
        for each in markets
    }
    return ImitationRecord(tuple(markets), decided)


def random_codes(random: np.random.Generator, bars: int) -> NDArray[np.int64]:
    """Decisions by the flip of coins."""
    return random.choice(5, size=bars, p=[0.1, 0.25, 0.3, 0.25, 0.1])
