"""Published signals as positions on bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data_pipeline.bars import calendar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.domain.signals import PublishedSignal
    from data_pipeline.bars.bars import Bars


def followed(bars: Bars, signals: Sequence[PublishedSignal]) -> pd.Series:
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
