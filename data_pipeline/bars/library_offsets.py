"""Makes two date offsets of exchange_calendars 4.13 work under pandas 3.1, which calls other methods of an offset.

Without this, calendars with Orthodox Easter (Athens, Bucharest, Belgrade, Cyprus) cannot be built, nor that of Tel
Aviv, whose working week changed; and Korea before 1999 lacks its Saturdays.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from exchange_calendars.pandas_extensions.offsets import CompositeCustomBusinessDay, OrthodoxEaster


def lead_pandas_to_library_offsets() -> None:
    """Give the library's offsets the methods that pandas 3.1 calls."""
    OrthodoxEaster._add_datetime = OrthodoxEaster._apply  # noqa: SLF001
    CompositeCustomBusinessDay._get_daily_offset_mask = _working_days  # noqa: SLF001
    CompositeCustomBusinessDay.rollforward = lambda offset, day: _nearest(offset, day, pd.Timedelta(days=1))
    CompositeCustomBusinessDay.rollback = lambda offset, day: _nearest(offset, day, pd.Timedelta(days=-1))


def _working_days(offset: CompositeCustomBusinessDay, days: pd.DatetimeIndex) -> npt.NDArray[np.bool_]:
    """Which days are sessions, each by the working week of its time: the last of `business_days` that spans it."""
    dates = np.asarray(days, dtype="datetime64[D]")
    mask = np.is_busday(dates, busdaycal=offset.calendar)
    for first, last, week in offset.business_days:
        inside = np.ones(len(dates), bool)
        if first is not None:
            inside &= dates >= np.datetime64(pd.Timestamp(first), "D")
        if last is not None:
            inside &= dates <= np.datetime64(pd.Timestamp(last), "D")
        mask[inside] = np.is_busday(dates[inside], busdaycal=week.calendar)
    return mask


def _nearest(offset: CompositeCustomBusinessDay, day: pd.Timestamp, step: pd.Timedelta) -> pd.Timestamp:
    """The first session from `day` on, in the direction of `step`."""
    while not offset.is_on_offset(day):
        day += step
    return day
