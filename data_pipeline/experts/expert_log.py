"""Trade logs of experts: read, cleaned with a count of every oddity, and joined to bars as labels."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field, replace
from datetime import UTC
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import pandas as pd

from config.errors import NightdeskError
from data_pipeline import actions
from data_pipeline.bars import calendar as trading
from data_pipeline.bars.bars import Bars
from data_pipeline.owned_files import column_names, open_owned

# The columns of a broker's fills that hold date and action. Only fills with the status Filled were trades.
_FILLS = {"fill time": "date", "b/s": "action"}
_SIDES = {"b": "buy", "s": "sell"}
_OFFSET = re.compile(r":\d\d(?:\.\d+)?\s*(?:Z|[+-]\d\d:?\d\d)$")  # a time of day with its offset from UTC
_LONGEST_BREAK = pd.Timedelta(days=15)  # no exchange is closed for longer
_LARGEST_FILE = 64 * 1024 * 1024


@dataclass(frozen=True, eq=False)
class ExpertLog:
    """An expert's trades: `frame` has `date` and `action` (-1 sell, 0 hold, 1 buy), one row a date, in time order.

    Dates are UTC where the log wrote each with its offset, and without a zone, as written, where it did not.
    `intraday` tells whether they are instants of fills; a log of mere dates means the close of each. (None: as they
    look.)
    """

    frame: pd.DataFrame
    provenance: str = "file"
    unknown: dict[str, int] = field(default_factory=dict)  # how often each unrecognised action occurs; taken as hold
    duplicates: int = 0  # rows whose date occurred before
    intraday: bool | None = None

    def __post_init__(self) -> None:
        if self.intraday is None:  # decided once: what is left of a log that is cut may look otherwise
            dates = pd.DatetimeIndex(self.frame["date"])
            object.__setattr__(self, "intraday", dates.tz is not None or bool((dates != dates.normalize()).any()))

    def __len__(self) -> int:
        return len(self.frame)

    def fingerprint(self) -> str:
        """The sha256 of its dates and actions."""
        rows = np.column_stack([self.frame["date"].to_numpy("datetime64[ns]").view("i8"), self.frame["action"]])
        return hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest()


def _fail(code: str, what: str, cure: str, **detail: Any) -> NoReturn:
    raise NightdeskError(code, what, cure, **detail)


def load_expert_log(source: pd.DataFrame | str | Path, *, symbol: str | None = None) -> ExpertLog:
    """Read a log, a CSV file or a frame: `date,action`, or a broker's fills (of `symbol`, where it has several)."""
    if isinstance(source, pd.DataFrame):
        return _log_of(source, "the trade log", symbol)
    path = Path(os.path.realpath(source))  # a link that the caller names is followed
    return read_expert_log(path, root=path.parent, symbol=symbol)


def read_expert_log(path: Path, *, root: Path, symbol: str | None = None) -> ExpertLog:
    """Read the log at `path` in the folder `root`; a link that leads out of it is refused."""
    return _log_of(_read(path, root), path.name, symbol)


def _log_of(rows: pd.DataFrame, name: str, symbol: str | None) -> ExpertLog:
    rows = rows.rename(columns=lambda column: str(column).strip().lower())
    if set(_FILLS) <= set(rows.columns):
        rows = _filled(rows, name, symbol)
    counts = [list(rows.columns).count(column) for column in ("date", "action")]
    if max(counts) > 1:
        _fail("expert_log.schema", f"{name} has a column date or action more than once.", "Keep one of each.")
    missing = [column for column in ("date", "action") if column not in rows.columns]
    if missing:
        _fail(
            "expert_log.schema",
            f"{name} lacks the column {', '.join(missing)}; it has {column_names(rows.columns)}.",
            "Write a header `date,action`, or export fills with Fill Time, Product, B/S, Status.",
        )
    return _cleaned(rows, name)


def _read(path: Path, root: Path) -> pd.DataFrame:
    try:
        with open_owned(path, root=root) as file:
            data = file.read(_LARGEST_FILE + 1)
        if len(data) > _LARGEST_FILE:
            _fail("expert_log.too_large", f"{path.name} is larger than 64 MiB.", "Give a log of trades alone.")
        if b"\x00" in data or data.startswith(b"PK"):
            _fail("expert_log.malformed", f"{path.name} is not text.", "Export the log as CSV, in UTF-8.")
        return pd.read_csv(BytesIO(data), dtype=str, keep_default_na=False, skipinitialspace=True, encoding="utf-8-sig")
    except OSError as error:
        _fail(
            "expert_log.missing",
            f"The trade log {path.name} cannot be read: {error.strerror}.",
            "Name a file that exists and may be read.",
        )
    except pd.errors.EmptyDataError:
        _fail("expert_log.empty", f"{path.name} is empty.", "Write a header `date,action` and a row for each trade.")
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        _fail("expert_log.malformed", f"{path.name} is not a CSV file: {error}.", "Mend it, or export it again as CSV.")


def _filled(rows: pd.DataFrame, name: str, symbol: str | None) -> pd.DataFrame:
    if "status" not in rows.columns:
        _fail("expert_log.schema", f"{name} lacks the column Status.", "Export the fills with their status.")
    fills = rows[rows["status"].astype(str).str.strip().str.lower() == "filled"]
    if symbol is not None and "product" in rows.columns:
        fills = fills[fills["product"].astype(str).str.strip().str.upper() == symbol.upper()]
    fills = fills.rename(columns=_FILLS)
    sides = fills["action"].astype(str).str.strip().str.lower()
    return fills.assign(action=sides.replace(_SIDES))


def _cleaned(rows: pd.DataFrame, name: str) -> ExpertLog:
    written = rows["date"]
    dates = pd.to_datetime(written, errors="coerce", utc=True, format="ISO8601")
    bad = np.flatnonzero(~dates.dt.year.between(1900, 2200))
    if len(bad):
        _fail(
            "expert_log.dates",
            f"{name} has a date that cannot be read in row {bad[0] + 1} of its column date.",
            "Write dates as 2024-01-15.",
            rows=len(bad),
        )
    if rows.empty:
        _fail("expert_log.empty", f"{name} holds no trades.", "Add a row for each trade of the expert.")
    texts = rows["action"].astype(str).str.strip()
    numbers = [actions.number(text) for text in texts]
    unrecognised = texts[[number is None for number in numbers]]
    zoned = dates if _are_instants(written) else dates.dt.tz_localize(None)
    frame = pd.DataFrame(
        {"date": zoned.dt.as_unit("ns").array, "action": [number or actions.HOLD for number in numbers]}
    )
    first = frame.drop_duplicates("date", keep="first").sort_values("date", ignore_index=True)
    unknown = {str(text): int(count) for text, count in unrecognised.value_counts().items()}
    return ExpertLog(first, unknown=unknown, duplicates=len(frame) - len(first))


def _are_instants(written: pd.Series) -> bool:
    """Whether each date stands with its offset from UTC."""
    if isinstance(written.dtype, pd.DatetimeTZDtype):
        return True
    return bool(written.astype(str).str.strip().str.contains(_OFFSET).all())


def label(bars: Bars | pd.DataFrame, log: ExpertLog) -> tuple[pd.Series, list[pd.Timestamp]]:
    """The expert's action at each bar (0 where there was none), and the logged dates that have no bar.

    A fill belongs to the bar that closed before it, or as it was made: the newest that the expert could look at. A date
    without a time means the close of that date. Of several fills of one bar the first counts. A frame needs a `date`
    column; where it holds dates, a fill within a day belongs to the day before, as the frame does not tell its close.
    """
    rows, index = _joined(bars, log)
    actions_of_rows = pd.Series(log.frame["action"].to_numpy()[rows >= 0], rows[rows >= 0])
    target = np.full(len(index), actions.HOLD, np.int64)
    first = actions_of_rows[~actions_of_rows.index.duplicated(keep="first")]
    target[first.index.to_numpy()] = first.to_numpy()
    return pd.Series(target, index, name="target"), list(_written(log)[rows < 0].unique())


def until_last_bar(bars: Bars, log: ExpertLog) -> ExpertLog:
    """The log as it was at the last of the bars, without later trades."""
    known = _instants(bars, log) <= bars.frame.index[-1]
    return replace(log, frame=log.frame[known].reset_index(drop=True))


def since_first_bar(bars: Bars, log: ExpertLog) -> ExpertLog:
    """The expert's trades at the first of the bars or later."""
    known = _instants(bars, log) >= bars.frame.index[0]
    return replace(log, frame=log.frame[known].reset_index(drop=True))


def _joined(bars: Bars | pd.DataFrame, log: ExpertLog) -> tuple[npt.NDArray[np.intp], pd.Index]:
    """The row of the bar that each entry of the log belongs to, -1 where there is none, and the index of the bars."""
    if not isinstance(bars, Bars):
        return _joined_to_frame(bars, log)
    index, instants = pd.DatetimeIndex(bars.frame.index), _instants(bars, log)
    if not log.intraday or not trading.knows(bars.interval):
        return (index.get_indexer(instants) if not log.intraday else _last_until(index, instants)), index
    if len(instants) == 0:
        return np.empty(0, np.intp), index
    # By the calendar, not by the bars: a fill in a gap must not join a bar that closed long before it.
    closes = trading.closes(bars.calendar, bars.interval, instants.min() - _LONGEST_BREAK, instants.max())
    return index.get_indexer(closes[_last_until(closes, instants)]), index


def _joined_to_frame(frame: pd.DataFrame, log: ExpertLog) -> tuple[npt.NDArray[np.intp], pd.Index]:
    times = _frame_dates(frame)
    logged, days = _written(log), times.normalize()
    if not log.intraday:
        rows = _last_until(days, logged)
        return np.where((rows >= 0) & (days[rows] == logged), rows, -1), frame.index
    if days.is_unique:
        times, logged = days, logged.normalize() - pd.Timedelta(1, "ns")
    rows = _last_until(times, logged)
    return np.where(logged > times.max() + _LONGEST_BREAK, -1, rows), frame.index


def _written(log: ExpertLog) -> pd.DatetimeIndex:
    """The dates of a log without a zone, in UTC where it wrote each with its offset."""
    dates = pd.DatetimeIndex(log.frame["date"]).as_unit("ns")
    return dates.tz_convert("UTC").tz_localize(None) if dates.tz is not None else dates


def _last_until(times: pd.DatetimeIndex, instants: pd.DatetimeIndex) -> npt.NDArray[np.intp]:
    """The last of the ordered `times` that is not after each instant."""
    return np.asarray(times.searchsorted(instants, side="right") - 1, np.intp)


def _instants(bars: Bars, log: ExpertLog) -> pd.DatetimeIndex:
    """When each entry of the log was made (UTC): NaT for the date of no session.

    A date is the close of its session. A time without an offset is on the exchange's clock where bars are daily, and
    UTC, as the bars' own times, where they are shorter.
    """
    dates = pd.DatetimeIndex(log.frame["date"]).as_unit("ns")
    if not log.intraday:
        return trading.session_closes(bars.calendar, dates)
    if dates.tz is not None:
        return dates.tz_convert("UTC")
    zone = trading.time_zone(bars.calendar) if bars.interval == "1d" else UTC
    zoned = dates.tz_localize(zone, ambiguous=np.ones(len(dates), bool), nonexistent="shift_forward")
    return zoned.tz_convert("UTC")


def _frame_dates(frame: pd.DataFrame) -> pd.DatetimeIndex:
    if "date" not in frame.columns:
        _fail("bars.invalid", "The market data has no column `date`.", "Load it with DataLoader, or add the column.")
    dates = pd.DatetimeIndex(pd.to_datetime(frame["date"]))
    return (dates.tz_localize(None) if dates.tz is not None else dates).as_unit("ns")
