"""The direction of a market, bar by bar, told by a model that has seen nothing after a given instant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from config.errors import NightdeskError
from config.names import UNIVERSE
from data_pipeline.bars.bars import Bars
from data_pipeline.features.volatility_regime import settled
from data_pipeline.regimes.model import DIRECTIONS, RegimeModel, most_likely

STATES = 3
_TOO_LITTLE = ("regimes.too_short", "regimes.constant")


def market_directions(bars: Bars, first: datetime) -> pd.Series:
    """`bear`, `sideways` or `bull` at each bar's close, an ordered category.

    The model is fitted to the bars before `first` alone. Where they are too few to fit it, or never move, no bar has a
    direction.
    """
    before = bars.frame.index < pd.Timestamp(first)
    none = pd.Series(pd.Categorical([None] * len(bars), categories=list(DIRECTIONS), ordered=True), bars.frame.index)
    try:
        model = RegimeModel.fit(bars.head(int(before.sum())), STATES)
    except NightdeskError as error:
        if error.code not in _TOO_LITTLE:
            raise
        return none
    return most_likely(model.direction(bars)).where(~before)


def settled_direction(bars: Bars, fitted_until: datetime, lasting: int) -> pd.Series:
    """The direction that the market has settled in at each bar, by its place in `DIRECTIONS`.

    The model is fitted to the bars up to `fitted_until`, that one included, and tells the bars before as well: with the
    knowledge of that instant, not of their own. All NaN where they are too few to fit it, or never move.
    """
    try:
        model = RegimeModel.fit(bars.until(fitted_until), STATES)
    except NightdeskError as error:
        if error.code not in _TOO_LITTLE:
            raise
        return pd.Series(np.nan, bars.frame.index)
    return settled(most_likely(model.direction(bars)), lasting)


def equal_weight(every: Sequence[Bars]) -> Bars:
    """One market of several: at each close the mean return of those that have a bar there and at the close before."""
    closes = pd.concat([bars.frame["close"].rename(bars.symbol) for bars in every], axis=1, sort=True)
    growth = (1.0 + closes.pct_change(fill_method=None).mean(axis=1).fillna(0.0)).cumprod()
    frame = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), growth)).assign(volume=0.0)
    first = every[0]
    return Bars(frame, UNIVERSE, first.interval, first.source)
