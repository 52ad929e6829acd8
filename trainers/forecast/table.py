"""What is learned from: the features of each bar, and how far the price went after it, in units of what was usual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_pipeline.bars.bars import Bars
from data_pipeline.features import rolling
from data_pipeline.features.registry import feature_matrix

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
USUAL = 20  # log returns whose deviation is what is usual
_LEAST_DEVIATION = 1e-6  # of a log return: a market that stands still has no usual return to divide by
_CLIP = 10.0  # deviations from the mean beyond which a feature says no more


@dataclass(frozen=True, eq=False)
class Table:
    """One series, a row a bar.

    Args:
        index: the closes.
        features: NaN in warm-ups [rows, features].
        usual: the deviation of a log return over the horizon, known at the close.
        targets: the log return over the horizon by `usual`; NaN where it is not known yet.
    """

    index: pd.DatetimeIndex
    features: Floats
    usual: Floats
    targets: Floats

    @classmethod
    def of(cls, bars: Bars, names: Sequence[str], horizon: int) -> Self:
        """The table of a symbol."""
        close = np.log(bars.frame["close"].to_numpy(np.float64))
        returns = np.diff(close, prepend=np.nan)
        usual = rolling.deviation(returns, USUAL) * np.sqrt(horizon)
        usual = np.where(usual >= _LEAST_DEVIATION * np.sqrt(horizon), usual, np.nan)
        ahead = np.full(len(close), np.nan)
        ahead[:-horizon] = (close[horizon:] - close[:-horizon])[: max(len(close) - horizon, 0)]
        features = feature_matrix(bars, names).to_numpy()
        return cls(pd.DatetimeIndex(bars.frame.index), features, usual, ahead / usual)

    def ends(self, window: int) -> Rows:
        """The rows whose window is whole: every feature of its bars is a number."""
        finite = np.isfinite(self.features).all(axis=1) & np.isfinite(self.usual)
        streak = np.arange(1, len(finite) + 1) - np.maximum.accumulate(
            np.where(finite, 0, np.arange(1, len(finite) + 1)), dtype=np.int64
        )
        return np.flatnonzero(streak >= window)

    def learnable(self, window: int) -> Rows:
        """Those of them whose target is known."""
        ends = self.ends(window)
        return ends[np.isfinite(self.targets[ends])]


@dataclass(frozen=True, eq=False)
class Scale:
    """The mean and deviation of each feature over the training rows."""

    mean: Floats
    deviation: Floats

    @classmethod
    def of(cls, rows: Floats) -> Self:
        """That of these rows; a feature that never moves is left as it is."""
        deviation = rows.std(axis=0)
        moves = deviation > 1e-12 * np.maximum(np.abs(rows).max(axis=0), 1e-300)
        return cls(rows.mean(axis=0), np.where(moves, deviation, 1.0))

    def apply(self, features: Floats) -> Floats:
        """The features as deviations from their mean; NaN, which no window holds, as 0."""
        return np.nan_to_num(np.clip((features - self.mean) / self.deviation, -_CLIP, _CLIP))
