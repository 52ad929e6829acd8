"""The sources of bars, behind one protocol."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from config.calendars import Calendars
from data_pipeline.provenance import SAMPLE
from data_pipeline.sources.base import BarSource

if TYPE_CHECKING:
    from config.paths import Home
    from config.settings import Sources

__all__ = ["BarSource", "open_source"]


def open_source(name: str, settings: Sources, home: Home, calendars: Calendars | None = None) -> BarSource:
    """The source called `name`; `auto` is Yahoo (what to do where it cannot be reached is `update_symbol`'s choice)."""
    source = _opened(name, settings, home)
    source.calendars = calendars or Calendars()
    return source


def _opened(name: str, settings: Sources, home: Home) -> BarSource:
    if name == SAMPLE:
        from data_pipeline.sources.sample import SampleSource  # noqa: PLC0415 -- only what is used is imported

        return SampleSource()
    if name == "csv":
        from data_pipeline.sources.csv import CsvSource  # noqa: PLC0415

        return CsvSource(Path(str(settings.csv_folder)), settings.csv)
    from data_pipeline.sources.yahoo import YahooSource  # noqa: PLC0415

    return YahooSource(settings.yahoo, home.cache("yahoo"))
