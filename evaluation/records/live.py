"""Published signals: what a recipe's versions decided live, as signals and as positions to follow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import numpy as np
import pandas as pd

from data_pipeline.bars import calendar
from data_pipeline.bars.bars import Bars
from evaluation.signals import Signals


class LiveSignal(Protocol):
    """A decision at the close of a bar, and when it was published."""

    @property
    def symbol(self) -> str:
        """The symbol or market."""

    @property
    def bar_time(self) -> datetime:
        """The close of the bar."""

    @property
    def published_at(self) -> datetime:
        """When it could be read."""

    @property
    def position(self) -> float:
        """The target position."""

    @property
    def confidence(self) -> float:
        """The confidence in it."""


def followed(bars: Bars, signals: Sequence[LiveSignal]) -> pd.Series:
    """The positions by the bar at whose close they count as decided, so that the next open fills them.

    That is a signal's own bar, if it was published before the next one opened. One that was published later finds that
    open in the past, and waits for the first that is still to come. Of several for the same open, the last counts.
    """
    index = pd.DatetimeIndex(bars.frame.index)
    decided, published = (
        pd.to_datetime([getattr(signal, name) for signal in signals], utc=True).as_unit("ns")
        for name in ("bar_time", "published_at")
    )
    next_open = calendar.opens(bars.calendar, index).searchsorted(published)
    row = np.minimum(np.maximum(index.searchsorted(decided), next_open - 1), len(index) - 1)
    positions = pd.Series([signal.position for signal in signals], index=index[row])
    return positions[~positions.index.duplicated(keep="last")].sort_index()


def published_signals(published: Sequence[LiveSignal]) -> dict[str, Signals]:
    """By symbol or market the published signal of each bar; of several for one bar, the last."""
    rows = pd.DataFrame(
        {
            "symbol": [signal.symbol for signal in published],
            "position": [signal.position for signal in published],
            "confidence": [signal.confidence for signal in published],
        },
        index=pd.to_datetime([signal.bar_time for signal in published], utc=True).as_unit("ns"),
    )
    by_name = {}
    for name, frame in rows.groupby("symbol"):
        last = frame[~frame.index.duplicated(keep="last")].sort_index()
        by_name[str(name)] = Signals(last["position"].astype("f8"), last["confidence"].astype("f8"))
    return by_name
