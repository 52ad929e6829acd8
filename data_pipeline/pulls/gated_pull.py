"""The first two stages of a pull: fetch what a source has of a span, and let only good rows through the gates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from data_pipeline.bars.bars import Bars
from data_pipeline.pulls.circuit_breaker import Breaker
from data_pipeline.quality import gates as quality
from data_pipeline.quality.quarantine import Quarantine

if TYPE_CHECKING:
    import pandas as pd

    from config.calendars import TradingCalendar
    from config.paths import Home
    from data_pipeline.sources import BarSource

OLDEST = datetime(1900, 1, 1, tzinfo=UTC)
# How far back a first pull goes, if the source reaches so far and its history is not taken whole.
FIRST_PULL = {
    "1d": timedelta(days=15 * 365),
    "1h": timedelta(days=728),
    "30m": timedelta(days=58),
    "15m": timedelta(days=58),
    "5m": timedelta(days=58),
    "1m": timedelta(days=27),
}


@dataclass(frozen=True)
class BarSeries:
    """Which bars are pulled, from where, into which home, and at what time."""

    home: Home
    source: BarSource
    symbol: str
    interval: str
    now: datetime

    @property
    def earliest(self) -> datetime:
        """Where a history begins that is pulled whole."""
        return OLDEST if self.source.whole_history else self.now - FIRST_PULL[self.interval]

    @property
    def reach(self) -> datetime | None:
        """The earliest time the source still has bars of; None if it has no such limit."""
        back = self.source.reach(self.interval)
        return None if back is None else self.now - back

    @property
    def calendar(self) -> TradingCalendar:
        """The calendar by which the symbol trades."""
        return self.source.calendars.of(self.symbol)

    def bars(self, frame: pd.DataFrame) -> Bars:
        """Rows of this series as bars."""
        named = self.source.calendars.named_for(self.symbol)
        return Bars(frame, self.symbol, self.interval, self.source.name, named)

    @property
    def quarantine(self) -> Quarantine:
        """Where refused rows go."""
        return Quarantine(self.home, self.source.name, self.symbol, self.interval)


@dataclass(frozen=True)
class GatedBars:
    """The good bars of an answer, and how many rows were refused, by reason."""

    bars: Bars
    refused: dict[str, int]


def fetch(series: BarSeries, start: datetime, end: datetime | None = None) -> pd.DataFrame:
    """The rows that the source has from `start` to `end` (now), unless it asked to be left alone for a while."""
    source = series.source
    with Breaker(series.home.breaker(source.name), source.name).guard(series.now):
        return source.pull(series.symbol, series.interval, start, end or series.now)


def gate(series: BarSeries, rows: pd.DataFrame) -> GatedBars:
    """Put bad rows into quarantine and return the good ones; an answer with too many bad rows is an error."""
    report = sort_out(series, rows)
    if report.counts:
        series.quarantine.add(report.quarantined, series.now)
    quality.refuse_too_many_bad(report, series.symbol, series.calendar)
    return GatedBars(series.bars(report.good), report.counts)


def sort_out(series: BarSeries, rows: pd.DataFrame) -> quality.QualityReport:
    """The rows sorted into good and bad ones, by the calendar of the series."""
    return quality.sort_out(rows, series.symbol, series.interval, series.now, series.calendar)
