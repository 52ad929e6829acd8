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

from data_pipeline import calendar
from data_pipeline.bars import PRICES, Bars

Flags = npt.NDArray[np.bool_]

WEIGHTS = {"completeness": 0.4, "freshness": 0.2, "validity": 0.2, "consistency": 0.2}
WINDOW = 60  # sessions
RUN = 5  # so many bars in a row without trades, or without any movement
OUTLIER = 10.0  # robust standard deviations of a return
_MEMORY = 60  # returns that tell what is usual
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
    expected, flags = _expected(bars, now), marks(bars)
    there = expected.isin(bars.frame.index)
    newest = int(np.flatnonzero(there)[-1]) if there.any() else -1
    today = _parts(bars, expected, flags).iloc[-1]
    counts = {
        "gap": int((~there[: newest + 1]).sum()),
        "stale": len(there) - newest - 1,
        **{str(name): int(found) for name, found in flags.sum().items()},
    }
    return Health(
        **{name: float(today[name]) for name in ("index", *WEIGHTS)},
        warnings={name: count for name, count in counts.items() if count},
    )


def daily(bars: Bars, now: datetime) -> pd.DataFrame:
    """The index and its four parts for every session (its date) from the first bar to the last that closed by `now`.

    Cut short, the bars give the same numbers for the sessions that are left.
    """
    expected = _expected(bars, now)
    dates = calendar.session_dates(bars.symbol, expected)
    return _parts(bars, expected, marks(bars)).set_axis(dates)[~dates.duplicated(keep="last")]


def _parts(bars: Bars, expected: pd.DatetimeIndex, flags: pd.DataFrame) -> pd.DataFrame:
    """The index and its parts at every close that the calendar expects."""
    row = pd.DatetimeIndex(bars.frame.index).get_indexer(expected)
    there, nth = row >= 0, np.arange(len(row))
    sessions = max(round(_bars_a_session(bars)), 1)
    invalid = (flags["no_volume"] | flags["outside_range"]).to_numpy()[row] & there
    inconsistent = (flags["frozen"] | flags["outlier"]).to_numpy()[row] & there
    missed = nth - np.maximum.accumulate(np.where(there, nth, 0))
    parts = {
        "completeness": _share(there, np.ones_like(there), sessions),
        "freshness": 1.0 / (1.0 + missed / sessions),
        "validity": 1.0 - _share(invalid, there, sessions),
        "consistency": 1.0 - _share(inconsistent, there, sessions),
    }
    return pd.DataFrame({"index": sum(weight * parts[name] for name, weight in WEIGHTS.items()), **parts})


def marks(bars: Bars) -> pd.DataFrame:
    """For each bar and each warning, whether the bar gives it; by the bar and those before it.

    `outlier`: the log return lies more than 10 robust standard deviations (1.4826 times the median absolute deviation)
    from the median of the returns before it.
    """
    open_, high, low, close = (bars.frame[name].to_numpy() for name in PRICES)
    top, bottom = np.maximum(open_, close), np.minimum(open_, close)
    traded = bars.frame["volume"].to_numpy() > 0.0
    prices = bars.frame[list(PRICES)].to_numpy()
    still = np.append(False, (np.diff(prices, axis=0) == 0.0).all(axis=1))
    return pd.DataFrame(
        {
            "no_volume": (_counted(~traded, RUN) == RUN) & np.logical_or.accumulate(traded),  # an index never trades
            "outside_range": (top > high * (1 + _ROUNDING)) | (bottom < low * (1 - _ROUNDING)),
            "frozen": _counted(still, RUN - 1) == RUN - 1,
            "outlier": _outliers(np.log(bars.frame["close"]).diff()).to_numpy(),
        },
        index=bars.frame.index,
    )


def _outliers(returns: pd.Series) -> pd.Series:
    before = returns.shift(1).rolling(_MEMORY, min_periods=_MEMORY // 2)
    away = (returns - before.median()).abs()
    usual = away.shift(1).rolling(_MEMORY, min_periods=_MEMORY // 2).median()
    return (away > OUTLIER * 1.4826 * usual) & (usual > 0.0)


def _expected(bars: Bars, now: datetime) -> pd.DatetimeIndex:
    """Every close of the calendar from the first bar until `now`."""
    first = bars.frame.index[0]
    return calendar.closes(bars.symbol, bars.interval, first, max(pd.Timestamp(now), first))


def _bars_a_session(bars: Bars) -> float:
    return calendar.periods_per_year(bars.symbol, bars.interval) / calendar.periods_per_year(bars.symbol, "1d")


def _share(flags: Flags, of: Flags, sessions: int) -> npt.NDArray[np.float64]:
    """The share of `flags` in the bars that count, over the window; none where none count."""
    some, all_ = (_counted(each, WINDOW * sessions) for each in (flags, of))
    return np.divide(some, all_, out=np.zeros(len(some)), where=all_ > 0)


def _counted(flags: Flags, window: int) -> npt.NDArray[np.int64]:
    """How many of the last `window` rows are flagged, at each row."""
    total: npt.NDArray[np.int64] = np.cumsum(flags, dtype=np.int64)
    total[window:] -= total[:-window].copy()
    return total
