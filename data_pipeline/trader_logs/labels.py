"""Labels of a trader's decisions: whether the price of what was bought rose first, or fell, or neither."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from data_pipeline.features.rolling import Floats
from data_pipeline.labels.triple_barrier import Barriers, long_touches
from data_pipeline.trader_logs.bars import TraderBars


class Labels(NamedTuple):
    """A number for each row; NaN where nothing was traded, and where the market ends before the horizon."""

    label: Floats  # 1 profit, -1 stop, 0 neither
    pnl: Floats  # the return until then
    bars_held: Floats


def trader_labels(bars: TraderBars, barriers: Barriers) -> Labels:
    """The labels of all rows, whose barriers stand at parts of the price.

    Up bought or Down sold is an entry into Up at the close of its row, the others are entries into Down, whose price is
    what Up's leaves of 1.
    """
    columns = np.full((3, len(bars)), np.nan)
    has_time = np.arange(len(bars)) + barriers.horizon < len(bars)
    up = bars.prices.close
    for prices, decided in ((up, bars.net > 0.0), (1.0 - up, bars.net < 0.0)):
        entries = np.flatnonzero(decided & has_time)
        columns[:, entries] = long_touches(prices, entries, barriers)
    return Labels(*columns)
