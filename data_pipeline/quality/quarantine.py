"""Rows that were refused, kept for a person to look at and for later pulls to mend."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from config.errors import NightdeskError
from config.publish import publishing

if TYPE_CHECKING:
    from pathlib import Path

    from config.paths import Home


class Quarantine:
    """The refused rows of one source, symbol and interval: a file a pull, each row with its reason, all as text."""

    def __init__(self, home: Home, source: str, symbol: str, interval: str) -> None:
        self.home = home
        self._key = (source, symbol, interval)

    def add(self, rows: pd.DataFrame, at: datetime) -> None:
        """Add the rows that are not there yet: rows that a source repeats every night are stored once."""
        text = rows.reset_index(names="time").astype(str)
        stored = {tuple(row) for path in self._files() for row in self._read(path).itertuples(index=False)}
        new = text[[tuple(row) not in stored for row in text.itertuples(index=False)]]
        if new.empty:
            return
        path = self.home.quarantine(*self._key, at)
        if path.exists():  # two refusals within a second
            new = pd.concat([self._read(path), new])
        with publishing(path) as temp:
            new.to_parquet(temp)

    def times(self, since: datetime) -> pd.DatetimeIndex:
        """The times of the rows that were first refused after `since`."""
        name = self.home.quarantine(*self._key, since).name
        columns = [self._read(path)["time"] for path in self._files() if path.name >= name]
        times = pd.to_datetime(pd.concat(columns), errors="coerce", utc=True, format="ISO8601") if columns else []
        return pd.DatetimeIndex(times, tz="UTC").dropna().as_unit("ns").unique().sort_values()

    def _files(self) -> list[Path]:
        return self.home.quarantines(*self._key)

    def _read(self, path: Path) -> pd.DataFrame:
        try:
            return pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise NightdeskError(
                "data.corrupt",
                f"The refused rows in {self.home.relative(path)} cannot be read: {error}.",
                "Delete that file; it is kept only to be looked at.",
            ) from error
