"""Features that are fitted to a training span, beside those that are plain formulas of bars.

A plain feature is the same for every model. A regime's probability follows from the bars up to its own, too, but by a
model that was fitted once, on the bars of the training, and travels with what was trained on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from data_pipeline.bars.bars import Bars
from data_pipeline.features.registry import feature_matrix
from data_pipeline.regimes.model import DIRECTIONS, VOLATILITIES, RegimeModel

STATES = 3
# The filtered probability of each volatility and direction.
REGIME_FEATURES: tuple[str, ...] = tuple(f"regime_{name}" for name in (*VOLATILITIES, *DIRECTIONS))


@dataclass(frozen=True, eq=False)
class Features:
    """Named features; `regimes` tells those of the regimes, and is None where there are none of them."""

    names: tuple[str, ...]
    regimes: RegimeModel | None = None

    @classmethod
    def fit(cls, names: Sequence[str], training: Bars) -> Features:
        """Fit what needs to be fitted to the bars of the training span."""
        fitted = any(name in REGIME_FEATURES for name in names)
        return cls(tuple(names), RegimeModel.fit(training, STATES) if fitted else None)

    def matrix(self, bars: Bars) -> pd.DataFrame:
        """The features as columns in their order; NaN inside each one's warm-up."""
        plain = feature_matrix(bars, [name for name in self.names if name not in REGIME_FEATURES])
        if self.regimes is None:
            return plain
        views = pd.concat([self.regimes.volatility(bars), self.regimes.direction(bars)], axis=1)
        return pd.concat([plain, views.add_prefix("regime_")], axis=1)[list(self.names)]
