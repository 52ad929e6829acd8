"""The Data Health Index: how far the bars of a symbol can be trusted, between 0 and 1, for each session.

    index = 0.4 completeness + 0.2 freshness + 0.2 validity + 0.2 consistency, over the last 60 sessions

- completeness: the share of the calendar's bars that are there
- freshness: 1 / (1 + sessions that closed since the newest bar)
- validity: the share of bars that can be as they are: traded, with open and close between low and high
- consistency: the share of bars that fit those before them: they move, and none leaps out of all proportion

Every number of a session is computed from what was there at its end. What is found here is kept and reported; what the
quality gates refuse is not there at all, and so it is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from config.errors import NightdeskError
from data_pipeline.bars import calendar
from data_pipeline.bars.bars import COLUMNS, PRICES, Bars

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

WEIGHTS = {"completeness": 0.4, "freshness": 0.2, "validity": 0.2, "consistency": 0.2}
WINDOW = 60  # sessions
RUN = 5  # so many bars in a row without trades, or without any movement
OUTLIER = 10.0  # robust standard deviations of a return
_MEMORY = 60  # returns over which medians are taken
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Health:
    """The health of one symbol's bars now, and how many of them ever gave a warning, by its name."""

    index: float
    completeness: float
    freshness: float
    validity: float
    consistency: float
    warnings: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """As JSON, the shares to four digits."""
        shares = {name: round(getattr(self, name), 4) for name in ("index", *WEIGHTS)}
        return {**shares, "warnings": self.warnings}


def measure(bars: Bars, now: datetime) -> Health:
    """The health at the last session that has closed."""
    row, flags = _rows(bars, _expected(bars, now)), _flags(bars)
    there = np.flatnonzero(row >= 0)
    newest = int(there[-1]) if len(there) else -1
    counts = {
        "gap": newest + 1 - len(there),
        "stale": len(row) - newest - 1,
        **{name: int(np.count_nonzero(flagged)) for name, flagged in flags.items()},
    }
    return Health(
        **{name: float(part[-1]) for name, part in _parts(bars, row, flags).items()},
        warnings={name: count for name, count in counts.items() if count},
    )


def daily(bars: Bars, now: datetime) -> pd.DataFrame:
    """The index and its four parts for every session (its date) from the first bar to the last that closed by `now`.

    Cut short, the bars give the same numbers for the sessions that are left.
    """
    expected = _expected(bars, now)
    dates = calendar.session_dates(bars.calendar, expected)
    parts = _parts(bars, _rows(bars, expected), _flags(bars))
    return pd.DataFrame(parts, dates)[~dates.duplicated(keep="last")]


def at_bars(bars: Bars) -> pd.Series:
    """The index at each bar's close, from the bars up to it; 0 before the calendar expects any bar."""
    times = pd.DatetimeIndex(bars.frame.index)
    if times.empty:
        return pd.Series([], times, np.float64)
    expected = _expected(bars, times[-1])
    index = pd.Series(_parts(bars, _rows(bars, expected), _flags(bars))["index"], expected)
    return index.reindex(times, method="ffill").fillna(0.0)


def _parts(bars: Bars, row: Rows, flags: dict[str, Flags]) -> dict[str, Floats]:
    """The index and its parts at every close that the calendar expects, of which `row` is the bar; -1 where missing."""
    there, nth = row >= 0, np.arange(len(row))
    sessions = max(round(_bars_a_session(bars)), 1)
    invalid = (flags["no_volume"] | flags["outside_range"])[row] & there
    inconsistent = (flags["frozen"] | flags["outlier"])[row] & there
    missed = nth - np.maximum.accumulate(np.where(there, nth, 0))
    parts = {
        "completeness": _share(there, np.ones_like(there), sessions),
        "freshness": 1.0 / (1.0 + missed / sessions),
        "validity": 1.0 - _share(invalid, there, sessions),
        "consistency": 1.0 - _share(inconsistent, there, sessions),
    }
    return {"index": sum((weight * parts[name] for name, weight in WEIGHTS.items()), np.zeros(len(row))), **parts}


def marks(bars: Bars) -> pd.DataFrame:
    """For each bar and each warning, whether the bar gives it; by the bar and those before it.

    `outlier`: the log return lies more than 10 robust standard deviations (1.4826 times the median absolute deviation)
    from the median of the returns before it.
    """
    return pd.DataFrame(_flags(bars), bars.frame.index)


def _flags(bars: Bars) -> dict[str, Flags]:
    """The columns of `marks`."""
    open_, high, low, close, volume = prices = bars.frame.to_numpy()[:, : len(COLUMNS)].T
    top, bottom = np.maximum(open_, close), np.minimum(open_, close)
    traded = volume > 0.0
    still = np.append(False, (np.diff(prices[: len(PRICES)]) == 0.0).all(axis=0))
    return {
        "no_volume": (_counted(~traded, RUN) == RUN) & np.logical_or.accumulate(traded),  # an index never trades
        "outside_range": (top > high * (1 + _ROUNDING)) | (bottom < low * (1 - _ROUNDING)),
        "frozen": _counted(still, RUN - 1) == RUN - 1,
        "outlier": _outliers(np.append(np.nan, np.diff(np.log(close)))),
    }


def _outliers(returns: Floats) -> Flags:
    away = np.abs(returns - _median_before(returns))
    usual = _median_before(away)
    flags: Flags = (away > OUTLIER * 1.4826 * usual) & (usual > 0.0)
    return flags


def _median_before(values: Floats) -> Floats:
    """At each row, the median of the values before it."""
    medians = pd.Series(values).rolling(_MEMORY, min_periods=_MEMORY // 2).median().to_numpy()
    return np.append(np.nan, medians[:-1])


def _expected(bars: Bars, now: datetime) -> pd.DatetimeIndex:
    """Every close of the calendar from the first bar until `now`."""
    if not len(bars):
        raise NightdeskError("health.empty", f"{bars.symbol} has no bars that could be healthy.", "Pull some first.")
    first = bars.frame.index[0]
    return calendar.closes(bars.calendar, bars.interval, first, max(pd.Timestamp(now), first))


def _rows(bars: Bars, expected: pd.DatetimeIndex) -> Rows:
    """The row of the bar of each close; -1 where there is none."""
    return pd.DatetimeIndex(bars.frame.index).get_indexer(expected)


def _bars_a_session(bars: Bars) -> float:
    return calendar.periods_per_year(bars.calendar, bars.interval) / calendar.periods_per_year(bars.calendar, "1d")


def _share(flags: Flags, of: Flags, sessions: int) -> Floats:
    """The share of `flags` in the bars that count, over the window; none where none count."""
    flagged, counted = (_counted(values, WINDOW * sessions) for values in (flags, of))
    return np.divide(flagged, counted, out=np.zeros(len(flagged)), where=counted > 0)


def _counted(flags: Flags, window: int) -> npt.NDArray[np.int64]:
    """How many of the last `window` rows are flagged, at each row."""
    total: npt.NDArray[np.int64] = np.cumsum(flags, dtype=np.int64)
    total[window:] -= total[:-window].copy()
    return total
