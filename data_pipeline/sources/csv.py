"""Bars from a folder of the owner's own files."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pandas as pd

from config.errors import NightdeskError
from config.names import safe_name
from config.settings import CsvFormat
from data_pipeline.bars.bars import COLUMNS, EXTRAS, TIME_NAMES, indexed
from data_pipeline.owned_files import column_names, open_owned
from data_pipeline.sources.base import BarSource
from data_pipeline.sources.csv_times import as_iso


class CsvSource(BarSource):
    """`<SYMBOL>.csv` or `.parquet`, or the newest `<SYMBOL>_<interval>_<YYYYMMDD>.csv`, in a folder."""

    name = "csv"
    whole_history = True

    def __init__(self, folder: Path, file_format: CsvFormat | None = None) -> None:
        self.folder = folder
        self.format = file_format or CsvFormat()

    def pull(self, symbol: str, interval: str, start: datetime, end: datetime) -> pd.DataFrame:
        """The rows with a time in [start, end], and those without one; `date` is as the file has it."""
        path = self._find(safe_name("symbol", symbol), interval)
        raw = _read(path, self.folder, self.format)
        _check_columns(raw, path)
        frame = indexed(_with_iso_times(raw, self.format), symbol, interval, self.calendars.of(symbol)).assign(
            date=_dates(raw)
        )
        times = pd.DatetimeIndex(frame.index)
        inside = (times >= pd.Timestamp(start)) & (times <= pd.Timestamp(end)) | times.isna()
        rows = frame.loc[inside, [*COLUMNS, *(name for name in EXTRAS if name in frame.columns), "date"]]
        if rows.empty:
            raise _error("data.empty", path, f"has no bars between {start} and {end}", "Add newer rows.")
        return rows

    def _find(self, symbol: str, interval: str) -> Path:
        if not self.folder.is_dir():
            raise NightdeskError(
                "data.unreachable",
                f"The folder of bars {self.folder.name!r} does not exist.",
                "Create it, or mend sources.csv_folder.",
            )
        dated = sorted(self.folder.glob(f"{symbol}_{interval}_????????.csv"), reverse=True)
        plain = [self.folder / f"{symbol}.csv", self.folder / f"{symbol}.parquet"]
        file = next((path for path in [*dated, *plain] if os.path.lexists(path)), None)
        if file is None:
            raise NightdeskError(
                "data.unknown_symbol",
                f"The folder of bars has no file for {symbol}.",
                f"Add {symbol}.csv or {symbol}.parquet.",
                symbol=symbol,
            )
        return file


def _error(code: str, path: Path, what: str, cure: str) -> NightdeskError:
    return NightdeskError(code, f"{path.name} {what}.", cure)


def _read(path: Path, folder: Path, file_format: CsvFormat) -> pd.DataFrame:
    try:
        with open_owned(path, root=folder) as file:
            return pd.read_parquet(file) if path.suffix == ".parquet" else _read_csv(file, file_format)
    except pd.errors.EmptyDataError as error:
        raise _error("data.empty", path, "is empty", "Give it a header and rows.") from error
    except pd.errors.ParserError as error:  # says which line has how many columns, and nothing of its content
        raise _error("data.schema", path, f"cannot be read: {error}", "Mend it, or export it again.") from error
    except (OSError, ValueError, OverflowError) as error:
        raise _error("data.schema", path, f"cannot be read: {_cause(error)}", "Mend it, or export it again.") from error


def _cause(error: Exception) -> str:
    """Why a file cannot be read, without what is in it."""
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not UTF-8"
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or "it is not what its name says"


def _read_csv(file: BinaryIO, file_format: CsvFormat) -> pd.DataFrame:
    """The rows with times as text: where a point groups digits, 13.12.2018 would else be a number."""
    separator = file_format.delimiter
    header = pd.read_csv(file, encoding="utf-8-sig", skipinitialspace=True, sep=separator, nrows=0)
    times = [name for name in header if str(name).strip().lower() in TIME_NAMES]
    file.seek(0)
    return pd.read_csv(
        file,
        encoding="utf-8-sig",
        skipinitialspace=True,
        sep=separator,
        decimal=file_format.decimal,
        thousands=file_format.thousands,
        dtype=dict.fromkeys(times, str),
    )


def _with_iso_times(frame: pd.DataFrame, file_format: CsvFormat) -> pd.DataFrame:
    """The frame with its times as ISO 8601, however the file writes them."""
    named = {str(name).strip().lower(): name for name in frame.columns}
    column = next((named[name] for name in TIME_NAMES if name in named), None)
    return frame if column is None else frame.assign(**{column: as_iso(frame[column], file_format)})


def _dates(frame: pd.DataFrame) -> npt.NDArray[np.object_]:
    """The times as they stand in the file."""
    named = {str(name).strip().lower(): name for name in frame.columns}
    column = next((named[name] for name in TIME_NAMES if name in named), None)
    times = frame.index.to_series() if column is None else frame[column]
    return times.astype(str).to_numpy(dtype=object)


def _check_columns(frame: pd.DataFrame, path: Path) -> None:
    names = [str(name).strip().lower() for name in frame.columns]
    missing = [name for name in COLUMNS if name not in names]
    if not set(names) & set(TIME_NAMES) and not isinstance(frame.index, pd.DatetimeIndex):
        missing.insert(0, "date")
    if missing:
        raise _error(
            "data.schema",
            path,
            f"lacks {', '.join(missing)}; it has {column_names(frame.columns)}",
            "Name the columns as bars do, in any case.",
        )
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise _error("data.schema", path, f"has the column {', '.join(repeated)} more than once", "Keep one of them.")
