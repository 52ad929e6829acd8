"""Trade logs of experts: read, cleaned with a count of every oddity, and joined to bars as labels."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from config.errors import NightdeskError
from data_pipeline import actions
from data_pipeline.bars import calendar
from data_pipeline.bars.bars import Bars

# The columns of a broker's fills that hold date and action. Only fills with the status Filled were trades.
_FILLS = {"fill time": "date", "b/s": "action"}
_SIDES = {"b": "buy", "s": "sell"}
_OFFSET = re.compile(r":\d\d(?:\.\d+)?\s*(?:Z|[+-]\d\d:?\d\d)$")  # a time of day with its offset from UTC
_LARGEST_FILE = 64 * 1024 * 1024


@dataclass(frozen=True, eq=False)
class ExpertLog:
    """An expert's trades: `frame` has `date` and `action` (-1 sell, 0 hold, 1 buy), one row a date, in time order.

    Dates are UTC where the log wrote each with its offset, and without a zone, as written, where it did not.
    """

    frame: pd.DataFrame
    provenance: str = "file"
    unknown: dict[str, int] = field(default_factory=dict)  # how often each unrecognised action occurs; taken as hold
    duplicates: int = 0  # rows whose date occurred before

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
    name = "the trade log" if isinstance(source, pd.DataFrame) else Path(source).name
    rows = source if isinstance(source, pd.DataFrame) else _read(Path(source))
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
            f"{name} lacks the column {', '.join(missing)}; it has {', '.join(map(str, rows.columns)) or 'none'}.",
            "Write a header `date,action`, or export fills with Fill Time, Product, B/S, Status.",
        )
    return _cleaned(rows, name)


def _read(path: Path) -> pd.DataFrame:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            _fail("expert_log.too_large", f"{path.name} is larger than 64 MiB.", "Give a log of trades alone.")
        data = path.read_bytes()
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
            f"{name} has a date that cannot be read in row {bad[0] + 1}: {written.iloc[bad[0]]!r}.",
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

    Daily bars are met by their session's date, shorter ones by their time. A frame needs a `date` column.
    """
    dates, logged, index = _matched(bars, log)
    logged_actions = pd.Series(log.frame["action"].to_numpy(), index=logged)
    logged_actions = logged_actions[~logged_actions.index.duplicated(keep="first")]
    target = logged_actions.reindex(dates).fillna(actions.HOLD).astype("int64").set_axis(index).rename("target")
    return target, list(logged_actions.index.difference(dates))


def until_last_bar(bars: Bars, log: ExpertLog) -> ExpertLog:
    """The log as it was at the last of the bars, without later trades."""
    dates, logged, _ = _matched(bars, log)
    return replace(log, frame=log.frame[logged <= dates.max()].reset_index(drop=True))


def since_first_bar(bars: Bars, log: ExpertLog) -> ExpertLog:
    """The expert's trades at the first of the bars or later."""
    dates, logged, _ = _matched(bars, log)
    return replace(log, frame=log.frame[logged >= dates.min()].reset_index(drop=True))


def _matched(bars: Bars | pd.DataFrame, log: ExpertLog) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex, pd.Index]:
    """The dates of the bars and of the log as they are compared, and the index of the bars."""
    dates, index = _dates(bars)
    logged = pd.DatetimeIndex(log.frame["date"])
    if logged.tz is not None:
        daily = isinstance(bars, Bars) and bars.interval == "1d"
        logged = logged.tz_convert(calendar.time_zone(str(bars.symbol)) if daily else "UTC").tz_localize(None)
    if dates.normalize().is_unique:
        dates, logged = dates.normalize(), logged.normalize()
    return dates, logged, index


def _dates(bars: Bars | pd.DataFrame) -> tuple[pd.DatetimeIndex, pd.Index]:
    if isinstance(bars, Bars):
        times = pd.DatetimeIndex(bars.frame.index)
        return (bars.dates if bars.interval == "1d" else times.tz_localize(None)), times
    if "date" not in bars.columns:
        _fail("bars.invalid", "The market data has no column `date`.", "Load it with DataLoader, or add the column.")
    dates = pd.DatetimeIndex(pd.to_datetime(bars["date"]))
    return (dates.tz_localize(None) if dates.tz is not None else dates).as_unit("ns"), bars.index
