"""Volatility regimes: low, normal or high volatility at each bar, compared with the same market's past."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numba import njit

from data_pipeline.bars.bars import Bars
from data_pipeline.features.registry import feature_matrix
from data_pipeline.features.rolling import Floats

REGIMES = ("low_vol", "normal", "high_vol")
_KIND = pd.CategoricalDtype(list(REGIMES), ordered=True)
MEMORY = 252  # bars among which a volatility is ranked
_LEAST = 60  # the fewest of them for which a regime is given
WARM_UP = 20 + _LEAST - 1  # volatility is that of 20 returns


def volatility_regime(bars: Bars) -> pd.Series:
    """`low_vol`, `normal` or `high_vol` at each bar, an ordered category; NA in the first `WARM_UP`.

    A bar's realised volatility (of 20 returns) is ranked among those of the last `MEMORY` bars, its own included, or
    of as many as there are. In the lowest third it is low, in the highest high. A market that never changes is normal.
    """
    volatility = feature_matrix(bars, ["realised_volatility"])["realised_volatility"]
    rank = _ranks(volatility.to_numpy(), MEMORY, _LEAST)
    codes = np.select([np.isnan(rank), rank <= 1.0 / 3.0, rank <= 2.0 / 3.0], [-1, 0, 1], default=2)
    return pd.Series(pd.Categorical.from_codes(codes, dtype=_KIND), bars.frame.index, name="regime")


@njit(cache=True)
def _ranks(values: Floats, window: int, least: int) -> Floats:
    """The rank of each value among the last ones, from 0 to 1, as pandas has it; ties share their mean rank.

    NaN where fewer than `least` of them are numbers. To compare with each is faster than pandas' ordered list.
    """
    ranks = np.full(len(values), np.nan)
    for row, value in enumerate(values):
        below, equal, numbers = 0, 0, 0
        for other in values[max(0, row - window + 1) : row + 1]:
            below += other < value
            equal += other == value
            numbers += not np.isnan(other)
        if numbers >= least and not np.isnan(value):
            ranks[row] = (below + (equal + 1) / 2) / numbers
    return ranks


def settled_regime(bars: Bars, lasting: int) -> pd.Series:
    """The regime that the market has settled in at each bar, by its place in `REGIMES`; NaN before the first."""
    return settled(volatility_regime(bars), lasting)


def settled(regimes: pd.Series, lasting: int) -> pd.Series:
    """At each bar the place among its categories of the regime that lasted for so many bars last; NaN before the first.

    So a market at the border between two regimes changes nothing.
    """
    codes = regimes.cat.codes
    same = codes == codes.shift()
    length = same.groupby((~same).cumsum()).cumsum() + 1
    return codes.where((length >= lasting) & (codes >= 0)).ffill()
