"""A session: the records of a home for scripts, bars, headlines and the decisions of strategies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import pandas as pd

from config.loader import find_config, load_settings
from config.paths import Home
from config.settings import Settings
from daemon.opening.database import database_place
from daemon.store import decisions
from daemon.store.database import Database
from data_pipeline import DataLoader
from data_pipeline.bars.bars import Bars
from data_pipeline.provenance import Provenance


@dataclass(frozen=True, eq=False)
class DeskSession:
    """What a home has stored, to be read; it serves a `RlStateBuilder` and an `OfflineDatasetGenerator`."""

    home: Home
    settings: Settings
    database: Database

    @cached_property
    def loader(self) -> DataLoader:
        """The bars and headlines of the home."""
        return DataLoader(self.home, self.settings)

    def bars(self, symbol: str) -> Bars:
        """All bars of a symbol."""
        return self.loader.bars(symbol)

    def headlines(self, source: str, symbol: str) -> pd.DataFrame:
        """The headlines of a symbol from a source of bars: `seen_at` and `title`."""
        return self.loader.headlines(source, symbol)

    def decisions(self, symbol: str, start: date, end: date, strategy: str | None = None) -> list[decisions.Decision]:
        """The decisions about a symbol from one session to another (both included), oldest first.

        Of one strategy, or of the one whose decisions were recorded last; only those made on bars of the source and
        the interval that serve now.
        """
        bars = self.bars(symbol)
        market = decisions.Market(symbol, bars.interval, Provenance.of(bars.source).label)
        inside = (bars.dates >= pd.Timestamp(start)) & (bars.dates <= pd.Timestamp(end))
        closes = bars.frame.index[inside]
        if not len(closes):
            return []
        first, last = closes[0].to_pydatetime(), closes[-1].to_pydatetime()
        return self.database.read(lambda c: decisions.between(c, market, first, last, strategy))


@contextmanager
def get_session(home: Home | None = None) -> Iterator[DeskSession]:
    """The session of a home: of the one that is named, else of NIGHTDESK_HOME, else of the working directory."""
    place = home or Home.find()
    settings = load_settings(find_config(place))
    database = Database.open(database_place(place, settings))
    try:
        yield DeskSession(place, settings, database)
    finally:
        database.close()
