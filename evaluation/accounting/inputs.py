"""The inputs of a backtest, checked once."""

from __future__ import annotations

import math
from typing import NoReturn, TypeAlias

import numpy as np
import pandas as pd

from config.errors import NightdeskError
from data_pipeline.bars import calendar
from data_pipeline.bars.bars import PRICES, Bars
from evaluation.accounting.ledger import Array
from evaluation.signals import Signals, weights

Target: TypeAlias = Signals | pd.Series
Frame: TypeAlias = Bars | pd.DataFrame
DIVIDENDS = "dividends"
_YEAR = pd.Timedelta(days=365.25)
_SESSIONS = 252.0  # of a year of an exchange that trades five days a week
_SATURDAY = 5


def fail(problem: str, cure: str) -> NoReturn:
    """Raise `backtest.invalid`."""
    raise NightdeskError("backtest.invalid", problem, cure)


def check_cash(initial_cash: float) -> None:
    """Refuse an account that does not begin with money."""
    if not (math.isfinite(initial_cash) and initial_cash > 0.0):
        fail(f"The initial cash is {initial_cash}.", "Give a positive number.")


def checked_frame(bars: Frame) -> pd.DataFrame:
    """Open, high, low, close and dividends (0 where there are none) as float64, on a strictly increasing index."""
    frame = bars.frame if isinstance(bars, Bars) else bars
    if missing := [name for name in PRICES if name not in frame.columns]:
        fail(f"The bars lack the column {', '.join(missing)}.", "Provide open, high, low and close.")
    if frame.empty:
        fail("There are no bars.", "Give at least one bar.")
    if not (frame.index.is_unique and frame.index.is_monotonic_increasing):
        fail("The index of the bars is not strictly increasing.", "Sort the bars and drop repeated times.")
    try:
        checked = frame.reindex(columns=[*PRICES, DIVIDENDS], fill_value=0.0).astype("float64")
    except (TypeError, ValueError) as error:
        fail(f"The bars hold text where numbers belong: {error}.", "Mend or remove those rows.")
    values = checked.to_numpy()
    bad = ~np.isfinite(values) | (values < 0.0)
    bad[:, : len(PRICES)] |= values[:, : len(PRICES)] == 0.0
    if bad.any():
        row, column = np.argwhere(bad)[0]
        name = checked.columns[column]
        fail(
            f"The {name} is {values[row, column]} at {frame.index[row]!s} ({bad.sum()} such values).",
            "Remove such bars: a price is finite and above zero, a dividend finite and not below.",
        )
    return checked


def checked_target(name: str, target: Target, index: pd.Index) -> Array:
    """The weights of `target`, decided on exactly the bars of `index`."""
    label = f"target {name}".rstrip()
    position = target.position if isinstance(target, Signals) else weights(label, target, low=-1.0)
    if not position.index.equals(index):
        fail(
            f"The {label} has {len(position)} rows and the bars have {len(index)}, and their times are not the same.",
            "Decide the target on exactly these bars, or cut both with `since` and `until`.",
        )
    return position.to_numpy()


def bars_a_year(bars: Frame) -> float | None:
    """The calendar's bars a year; for a bare frame as many as its times show.

    None where there are no times, and for bars of an interval without a calendar, such as those of a trader's markets.
    """
    if isinstance(bars, Bars):
        return calendar.periods_per_year(bars.calendar, bars.interval) if calendar.knows(bars.interval) else None
    times = bars.index if isinstance(bars.index, pd.DatetimeIndex) else pd.Index(bars.get("date", ()))
    if len(times) < 2 or not isinstance(times, pd.DatetimeIndex):
        return None
    span = times[-1] - times[0]
    by_week = 0.0 if span >= _YEAR else _by_a_typical_week(times)
    return by_week or (len(times) - 1) / (span / _YEAR)


def _by_a_typical_week(times: pd.DatetimeIndex) -> float:
    """Bars a year of times that span less than one: those of a typical week, times the weeks of a year.

    A short span has no holidays or many, and ends with a session and not with a weekend, so that bars by span mislead.
    Each weekday counts as many bars as its middle one has. A weekday that comes less than twice counts as the other
    days do, which is the weekend only where one of its days has bars. Five days a week are the 252 sessions of a year,
    holidays left out; more or fewer are a week without holidays. 0 for bars further apart than a week, such as monthly.
    """
    day = np.asarray(times.tz_localize(None) if times.tz is not None else times, dtype="datetime64[D]").astype(np.int64)
    counts = np.bincount(day - day[0])
    weekday = (day[0] + np.arange(len(counts)) + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
    session = int(np.median(counts[counts > 0]))
    weekend = bool(counts[weekday >= _SATURDAY].any())
    week = 0
    for each in range(7):
        bars = np.sort(counts[weekday == each])
        if len(bars) > 1 or (each >= _SATURDAY and not weekend):
            week += int(bars[len(bars) // 2]) if len(bars) else 0
        else:
            week += session
    five_days = round(week / session) == 5
    return week * (_SESSIONS / 5.0 if five_days else _YEAR / pd.Timedelta(days=7))
