"""The gates every pulled row passes: what is nonsense goes to quarantine with its reason, the rest is kept.

Refused, each for the first reason that holds, are rows that cannot be true: a time that is no close of the calendar
(`no_session`), one that lies ahead (`future`) or came before (`duplicate`), numbers that are none (`not_a_number`,
`not_positive`, `too_large`), prices that contradict each other (`high_below_low`, `outside_range`), and a close a
hundred times the one before it or a hundredth (`jump`). What is only suspicious (gaps, a stale last bar, bars without
trades or movement, outliers) is kept, and lowers the Data Health Index: see `data_pipeline.quality.health`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from config.calendars import TradingCalendar
from config.errors import NightdeskError
from data_pipeline.bars import calendar
from data_pipeline.bars.bars import COLUMNS, EXTRAS, PRICES

Floats = npt.NDArray[np.float64]

_TOLERATED = 0.01  # of all rows, or one, may be bad before the whole pull is refused
_TOO_LARGE = 2.0**63  # no price and no volume; whole numbers from here on fit no 64 bits
_JUMP = 100.0  # from one close to the next: a slipped decimal point, not a market
_NAMED = 3  # dates that an error lists
_DATE = 32  # characters of one; more is no date
_DUPLICATE_CURE = "If these are shorter bars, such as hours, set data_params.interval to their length."
_CALENDAR_CURE = (
    "Write dates as 2024-01-31 (or say how they are written in sources.csv), leave out days without trading, and end "
    "the symbol of another exchange as Yahoo does (VOD.L, BTC-USD), or name its calendar in data_params.calendars."
)
_CURES = {"no_session": _CALENDAR_CURE, "duplicate": _DUPLICATE_CURE}
_ROUNDING = 0.01  # how far, as a part of the price, open and close may lie beyond low and high


@dataclass(frozen=True, eq=False)
class QualityReport:
    """The rows of a pull, sorted into good and bad ones."""

    good: pd.DataFrame
    quarantined: pd.DataFrame  # the bad rows, with a column `reason`
    counts: dict[str, int]  # bad rows by reason
    rows: int  # how many it had


def check(
    frame: pd.DataFrame, symbol: str, interval: str, now: datetime, hours: TradingCalendar | None = None
) -> QualityReport:
    """Sort the rows of a pull into good and bad ones; too many bad ones are `data.poison` and nothing is to be kept."""
    report = sort_out(frame, symbol, interval, now, hours)
    refuse_too_many_bad(report, symbol, hours)
    return report


def sort_out(
    frame: pd.DataFrame, symbol: str, interval: str, now: datetime, hours: TradingCalendar | None = None
) -> QualityReport:
    """Sort the rows into good and bad ones, by the calendar `hours` (None: that of the symbol)."""
    _check_columns(frame, symbol)
    rows = frame.sort_index(kind="stable")
    extras = [name for name in EXTRAS if name in list(rows)]
    values = np.column_stack([_numbers(rows[name]) for name in (*COLUMNS, *extras)])
    numbers, index = values[:, : len(COLUMNS)], pd.DatetimeIndex(rows.index)
    session = _has_session(index, hours or symbol, interval)
    reasons = _reasons(numbers, index, session, now)
    bad = reasons != ""
    events = values[:, len(COLUMNS) :]
    events[~((events >= 0.0) & (events < np.inf))] = 0.0  # what is no amount is no event
    good = pd.DataFrame(values[~bad], index[~bad].rename("time"), [*COLUMNS, *extras])
    counts = dict(Counter(reasons[bad].tolist()).most_common())
    return QualityReport(good, rows[bad].assign(reason=reasons[bad]), counts, len(rows))


def _numbers(column: pd.Series) -> Floats:
    """The values as numbers; NaN for what is none."""
    return np.asarray(pd.to_numeric(column.to_numpy(), errors="coerce"), dtype="float64")


def refuse_too_many_bad(report: QualityReport, symbol: str, hours: TradingCalendar | None = None) -> None:
    """Raise when so many rows are bad that the others are not to be trusted either."""
    bad = len(report.quarantined)
    if bad > max(1, _TOLERATED * report.rows):
        where = "Look at data/quarantine and at the source. What was stored before stays in use."
        raise NightdeskError(
            "data.poison",
            f"{bad} of {report.rows} bars of {symbol} are bad ({_counts_text(report.counts)}); none were stored."
            + _off_calendar(report, symbol, hours),
            " ".join([*(cure for reason, cure in _CURES.items() if reason in report.counts), where]),
            symbol=symbol,
            counts=report.counts,
        )


def _off_calendar(report: QualityReport, symbol: str, hours: TradingCalendar | None) -> str:
    """Which bars have no session in the calendar, by the dates that the source gives."""
    rows = report.quarantined[report.quarantined["reason"] == "no_session"]
    if rows.empty:
        return ""
    times = rows["date"] if "date" in rows else rows.index.to_series().dropna()
    dates = ", ".join(str(date)[:_DATE] for date in times.iloc[:_NAMED])
    more = f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
    name = calendar.calendar_name(hours or symbol)
    return f" The calendar of {symbol}, {name}, closes no bar at {dates or 'their times'}{more}."


def _check_columns(frame: pd.DataFrame, symbol: str) -> None:
    named = list(frame.columns)
    missing = [name for name in COLUMNS if name not in named]
    if missing or len(set(named)) < len(named):
        wrong = f"lack {', '.join(missing)}" if missing else "name a column twice"
        raise NightdeskError(
            "data.schema",
            f"The pulled bars of {symbol} {wrong}; they have {', '.join(map(str, named))}.",
            "Check the source; open, high, low, close and volume are needed.",
            symbol=symbol,
        )


def _counts_text(counts: dict[str, int]) -> str:
    return ", ".join(f"{reason} {n}" for reason, n in counts.items())


def _reasons(
    rows: Floats, index: pd.DatetimeIndex, session: npt.NDArray[np.bool_], now: datetime
) -> npt.NDArray[np.str_]:
    """Why each row is bad, the first reason that holds; empty for a good one. `session`: it closes by the calendar."""
    open_, high, low, close, volume = rows.T
    top, bottom = np.fmax(open_, close), np.fmin(open_, close)
    with np.errstate(over="ignore"):
        outside = (top > high * (1 + _ROUNDING)) | (bottom < low * (1 - _ROUNDING))
    checks = {
        "no_session": ~session,
        "future": index > pd.Timestamp(now),
        "duplicate": index.duplicated(keep="first"),
        "not_a_number": ~np.isfinite(rows).all(axis=1),
        "too_large": (np.abs(rows) >= _TOO_LARGE).any(axis=1),
        "not_positive": (rows[:, : len(PRICES)] <= 0.0).any(axis=1) | (volume < 0.0),
        "high_below_low": high < low,
        "outside_range": outside,
    }
    reasons = np.select(list(checks.values()), list(checks), default="")
    reasons[_jumps(np.where(reasons == "", close, np.nan))] = "jump"
    return reasons


def _has_session(index: pd.DatetimeIndex, traded: calendar.Traded, interval: str) -> npt.NDArray[np.bool_]:
    """Whether a time is the close of a bar by the calendar."""
    times = index[index.notna()]
    if len(times) == 0:
        return np.zeros(len(index), dtype=bool)
    return index.isin(calendar.closes(traded, interval, times.min(), times.max()))


def _jumps(closes: Floats) -> list[int]:
    """Rows whose close is a hundred times the last good one, or a hundredth of it. NaN marks rows already bad."""
    jumps: list[int] = []
    last = np.nan
    for row, close in enumerate(closes.tolist()):
        if close > last * _JUMP or close < last / _JUMP:
            jumps.append(row)
        elif close == close:  # noqa: PLR0124 -- not NaN
            last = close
    return jumps
