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
import pandas as pd

from data_pipeline import calendar
from data_pipeline.bars import PRICES, Bars

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
    today = daily(bars, now).iloc[-1]
    there = _there(bars, now)
    newest = int(np.flatnonzero(there)[-1]) if there.any() else -1
    counts = {
        "gap": int((~there[: newest + 1]).sum()),
        "stale": len(there) - newest - 1,
        **{str(name): int(flags.sum()) for name, flags in marks(bars).items()},
    }
    return Health(
        **{name: float(today[name]) for name in ("index", *WEIGHTS)},
        warnings={name: count for name, count in counts.items() if count},
    )


def daily(bars: Bars, now: datetime) -> pd.DataFrame:
    """The index and its four parts for every session (its date) from the first bar to the last that closed by `now`.

    Cut short, the bars give the same numbers for the sessions that are left.
    """
    expected, there = _expected(bars, now), _there(bars, now)
    sessions = max(round(_bars_a_session(bars)), 1)
    found, row = marks(bars), pd.DatetimeIndex(bars.frame.index).get_indexer(expected)
    invalid = (found["no_volume"] | found["outside_range"]).to_numpy()[row] & there
    inconsistent = (found["frozen"] | found["outlier"]).to_numpy()[row] & there
    missed = np.arange(len(there)) - np.maximum.accumulate(np.where(there, np.arange(len(there)), 0))
    parts = pd.DataFrame(
        {
            "completeness": _share(there, np.ones_like(there), sessions),
            "freshness": 1.0 / (1.0 + missed / sessions),
            "validity": 1.0 - _share(invalid, there, sessions),
            "consistency": 1.0 - _share(inconsistent, there, sessions),
        }
    )
    parts.insert(0, "index", sum(weight * parts[name] for name, weight in WEIGHTS.items()))
    dates = calendar.session_dates(bars.symbol, expected)
    return parts.set_axis(dates)[~dates.duplicated(keep="last")]


def marks(bars: Bars) -> pd.DataFrame:
    """For each bar and each warning, whether the bar gives it; by the bar and those before it.

    `outlier`: the log return lies more than 10 robust standard deviations (1.4826 times the median absolute deviation)
    from the median of the returns before it.
    """
    frame = bars.frame
    top, bottom = frame[["open", "close"]].max(axis=1), frame[["open", "close"]].min(axis=1)
    traded = frame["volume"] > 0.0
    still = (frame[list(PRICES)].diff() == 0.0).all(axis=1)
    return pd.DataFrame(
        {
            "no_volume": _run(~traded, RUN) & traded.cummax(),  # an index trades nothing, ever
            "outside_range": (top > frame["high"] * (1 + _ROUNDING)) | (bottom < frame["low"] * (1 - _ROUNDING)),
            "frozen": _run(still, RUN - 1),
            "outlier": _outliers(np.log(frame["close"]).diff()),
        }
    )


def _run(flags: pd.Series, length: int) -> pd.Series:
    """Whether a row is flagged with all of the `length - 1` before it."""
    return flags.astype("int64").rolling(length).sum() == length


def _outliers(returns: pd.Series) -> pd.Series:
    before = returns.shift(1).rolling(_MEMORY, min_periods=_MEMORY // 2)
    away = (returns - before.median()).abs()
    usual = away.shift(1).rolling(_MEMORY, min_periods=_MEMORY // 2).median()
    return (away > OUTLIER * 1.4826 * usual) & (usual > 0.0)


def _expected(bars: Bars, now: datetime) -> pd.DatetimeIndex:
    """Every close of the calendar from the first bar until `now`."""
    first = bars.frame.index[0]
    return calendar.closes(bars.symbol, bars.interval, first, max(pd.Timestamp(now), first))


def _there(bars: Bars, now: datetime) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.asarray(_expected(bars, now).isin(bars.frame.index))


def _bars_a_session(bars: Bars) -> float:
    return calendar.periods_per_year(bars.symbol, bars.interval) / calendar.periods_per_year(bars.symbol, "1d")


def _share(flags: np.ndarray[Any, Any], of: np.ndarray[Any, Any], sessions: int) -> np.ndarray[Any, Any]:
    """The share of `flags` in the bars that count, over the window; none where none count."""
    window = WINDOW * sessions
    some, all_ = (pd.Series(each.astype("int64")).rolling(window, min_periods=1).sum() for each in (flags, of))
    return np.divide(some, all_, out=np.zeros(len(some)), where=(all_ > 0).to_numpy())
