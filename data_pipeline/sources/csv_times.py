"""The times of the owner's files, in whichever way the config says they are written, as ISO 8601."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pandas as pd

if TYPE_CHECKING:
    from config.settings import CsvFormat

# Excel counts days from here: it takes 1900 for a leap year, so its day 60 (29 February 1900) never was.
_EXCEL_BEGIN = pd.Timestamp("1899-12-30")
_SECOND = pd.Timedelta(seconds=1)
_PARTS = r"^(?P<first>\d{1,2})[/.-](?P<second>\d{1,2})[/.-](?P<year>\d{4})(?:[ T]+(?P<clock>.*))?$"


def as_iso(times: pd.Series, file: CsvFormat) -> pd.Series:
    """The times as ISO 8601 texts; what is not written as the config says becomes empty, for a gate to report."""
    if pd.api.types.is_datetime64_any_dtype(times):  # a Parquet file says itself what its times are
        return times
    match file.dates:
        case "iso":
            return times
        case "day_first" | "month_first":
            return _spelt(times.astype(str).str.strip(), file.dates)
        case "excel":
            return _texts(_EXCEL_BEGIN + pd.to_timedelta(_numbers(times, file), unit="D").dt.round(_SECOND))
        case "epoch_seconds" | "epoch_milliseconds":
            unit: Literal["s", "ms"] = "s" if file.dates == "epoch_seconds" else "ms"
            return _texts(pd.to_datetime(_numbers(times, file), unit=unit, errors="coerce"))


def _numbers(times: pd.Series, file: CsvFormat) -> pd.Series:
    texts = times.astype(str).str.strip().str.replace(file.decimal, ".", regex=False)
    numbers = pd.to_numeric(texts, errors="coerce")
    return numbers.where(numbers.abs() < 1e14)  # beyond, there is no time that pandas can represent


def _spelt(texts: pd.Series, order: Literal["day_first", "month_first"]) -> pd.Series:
    parts = texts.str.extract(_PARTS)
    day, month = (parts["first"], parts["second"]) if order == "day_first" else (parts["second"], parts["first"])
    dates = parts["year"] + "-" + month.str.zfill(2) + "-" + day.str.zfill(2)
    clock = parts["clock"].fillna("")
    return pd.Series(dates.where(clock == "", dates + " " + clock).fillna(""))


def _texts(times: pd.Series) -> pd.Series:
    return pd.Series(times.dt.strftime("%Y-%m-%dT%H:%M:%S").fillna(""))
