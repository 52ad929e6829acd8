"""Market data as a plain frame, for scripts and notebooks."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime

import pandas as pd

from config.paths import Home
from config.settings import Settings
from data_pipeline.bars.bars import COLUMNS, Bars
from data_pipeline.bars.store import BarStore
from data_pipeline.news.headlines import HeadlineStore
from data_pipeline.provenance import SAMPLE, Provenance
from data_pipeline.pulls.update import update_symbol


class SampleDataWarning(UserWarning):
    """The bars are those of the sample market, though the settings do not ask for it."""


class DataLoader:
    """Loads from a home's store; what is not there yet is pulled first."""

    def __init__(self, home: Home | None = None, settings: Settings | None = None) -> None:
        self.home = home or Home.find()
        self.settings = settings or Settings()

    def load(self, symbol: str, *, now: datetime | None = None) -> pd.DataFrame:
        """All bars of `symbol`: its session `date`, then open, high, low, close, volume.

        `frame.attrs["provenance"]` says where they came from; the sample market stands in where Yahoo is out of reach.
        """
        bars = self._bars(symbol, now)
        dates = bars.dates if bars.interval == "1d" else pd.DatetimeIndex(bars.frame.index).tz_localize(None)
        frame = bars.frame[list(COLUMNS)].reset_index(drop=True)
        frame.insert(0, "date", dates)
        frame.attrs["provenance"] = bars.source
        return frame

    def bars(self, symbol: str, *, now: datetime | None = None) -> Bars:
        """The same as `Bars`, with the instants of their closes; their `source` says where they came from."""
        return self._bars(symbol, now)

    def headlines(self, source: str, symbol: str) -> pd.DataFrame:
        """The headlines of a symbol from a source of bars, with the time each was first seen (`seen_at`, `title`)."""
        return HeadlineStore(self.home).load(source, symbol)

    def _bars(self, symbol: str, now: datetime | None) -> Bars:
        sources, interval = self.settings.sources, self.settings.data_params.interval
        store = BarStore(self.home)
        source = store.serving_source(symbol, interval, sources)
        if source is None:
            at, calendars = now or datetime.now(UTC), self.settings.calendars
            source = update_symbol(self.home, sources, symbol, interval, at, calendars=calendars).source
        if Provenance.of(source).is_sample and sources.bars != SAMPLE:
            warnings.warn(
                f"The bars of {symbol} are made up: no real ones could be had, so the sample market stands in.",
                SampleDataWarning,
                stacklevel=3,
            )
        return store.load(symbol, interval, source)
