"""The risk analyst: how calm the market is and how far its data can be trusted; it also sizes what is traded.

    score = 0.6 regime + 0.4 health      regime: 1 low, 0.5 normal, 0 high volatility;  health: the Data Health Index
    size  = 0.25 + 1.75 score            so 0.25 to 2

It votes up in a market calmer than usual and down in one that is wilder or whose data are bad, the surer the further
from the usual and the sounder the data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data_pipeline.bars.bars import Bars
from data_pipeline.features.volatility_regime import REGIMES, volatility_regime
from data_pipeline.quality import health
from trainers.analysts.votes import Votes

CALM = np.array([1.0, 0.5, 0.0, np.nan])  # in each of REGIMES, and where the regime is unknown
REGIME, HEALTH = 0.6, 0.4
USUAL = float(REGIME * CALM[REGIMES.index("normal")] + HEALTH)  # the score of sound data in a normal market
LEAST, MOST = 0.25, 2.0


@dataclass(frozen=True, eq=False)
class Risk:
    """The risk at each bar: its score, NaN where the regime is unknown, and the health of the data."""

    score: pd.Series
    health: pd.Series

    @classmethod
    def of(cls, bars: Bars) -> Risk:
        """The risk of a symbol's bars."""
        data_health = health.at_bars(bars)
        calm = CALM[volatility_regime(bars).cat.codes.to_numpy()]  # the code of an unknown regime is -1
        return cls(REGIME * calm + HEALTH * data_health, data_health)

    @property
    def votes(self) -> Votes:
        """Up by half of what the score is above the usual one, down by half of what it is below."""
        view = (self.score - USUAL).to_numpy()
        return Votes.of(self.score.index, (1.0 + view) / 2.0, np.abs(view) * self.health.to_numpy())

    @property
    def size(self) -> pd.Series:
        """The factor of what is traded; 1 where the score is unknown."""
        return (LEAST + (MOST - LEAST) * self.score).fillna(1.0)
