"""The rows of one or many series, stacked, and how they are split by time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from config.errors import NightdeskError
from trainers.forecast.table import Floats, Rows, Scale, Table

LEAST_ROWS = 60  # to learn from

Mask = NDArray[np.bool_]


class Parts(NamedTuple):
    """Which samples are learned from, and which later ones are looked at; no label of the first reaches the second."""

    learned: Mask
    later: Mask


@dataclass(frozen=True, eq=False)
class Samples:
    """Every window that can be learned from.

    Args:
        features: of all series one after the other [rows, features].
        ends: the row at which each window ends.
        targets: of each window.
        usual: what a target of 1 is as a log return.
        known: the close at which each window ends.
        complete: the close at which its target is known.
    """

    features: Floats
    ends: Rows
    targets: Floats
    usual: Floats
    known: pd.DatetimeIndex
    complete: pd.DatetimeIndex

    @classmethod
    def of(cls, tables: Sequence[Table], window: int, horizon: int) -> Self:
        """Those of these tables."""
        rows = [table.learnable(window) for table in tables]
        begins = np.cumsum([0, *(len(table.index) for table in tables)])[:-1]
        pairs = list(zip(tables, rows, strict=True))
        samples = cls(
            features=np.concatenate([table.features for table in tables]),
            ends=np.concatenate([own + begin for own, begin in zip(rows, begins, strict=True)]),
            targets=np.concatenate([table.targets[own] for table, own in pairs]),
            usual=np.concatenate([table.usual[own] for table, own in pairs]),
            known=pd.DatetimeIndex(np.concatenate([table.index[own].asi8 for table, own in pairs]), tz="UTC"),
            complete=pd.DatetimeIndex(
                np.concatenate([table.index[own + horizon].asi8 for table, own in pairs]), tz="UTC"
            ),
        )
        if len(samples.ends) < LEAST_ROWS:
            raise NightdeskError(
                "forecast.too_short",
                f"There are {len(samples.ends)} windows of {window} bars to learn from; a forecast needs {LEAST_ROWS}.",
                "Give a longer history, a shorter window or horizon, or features with shorter warm-ups.",
                found=len(samples.ends),
                needed=LEAST_ROWS,
            )
        if not (np.std(samples.targets) > 0.0):
            raise NightdeskError(
                "forecast.constant",
                "The returns to forecast never change.",
                "See whether the prices are those of a market that trades.",
            )
        return samples

    def only(self, chosen: Mask) -> Samples:
        """Those that are chosen."""
        return Samples(
            self.features,
            self.ends[chosen],
            self.targets[chosen],
            self.usual[chosen],
            self.known[chosen],
            self.complete[chosen],
        )

    def split(self, share: float) -> Parts:
        """The newest `share` of the windows, by time, and the older ones whose targets were known before those."""
        order = np.sort(self.known.asi8)
        first = order[len(order) - max(1, round(len(order) * share))]
        return Parts(self.complete.asi8 < first, self.known.asi8 >= first)

    def scale(self) -> Scale:
        """The mean and deviation of the features of the bars at which these windows end."""
        return Scale.of(self.features[self.ends])
