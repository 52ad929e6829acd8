"""What every source of bars can do."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from config.calendars import Calendars

if TYPE_CHECKING:
    import pandas as pd

    from data_pipeline.bars.bars import Bars
    from data_pipeline.news.headlines import Headline


class BarSource(Protocol):
    """A place bars come from. Implementations inherit `fetch` and write `pull`."""

    name: str
    calendars: Calendars = Calendars()
    whole_history: bool = False  # a first pull takes all it has, however old; and older rows that come later, too

    def pull(self, symbol: str, interval: str, start: datetime, end: datetime) -> pd.DataFrame:
        """The rows of all bars closed in [start, end], as the source has them.

        They have the columns and the index of `Bars` (one without a time is NaT) but may hold nonsense: the quality
        gates look at them next.

        Raises:
            NightdeskError: `data.unreachable`, `data.unknown_symbol`, `data.empty`, `data.schema` or
                `data.rate_limited`, when there are no rows to look at.
        """

    def reach(self, interval: str) -> timedelta | None:  # noqa: ARG002 -- sources differ
        """How far back from now the source has bars of this interval; None if there is no such limit."""
        return None

    def headlines(self, symbol: str, now: datetime) -> list[Headline]:  # noqa: ARG002 -- sources differ
        """What is reported about a symbol at `now`; nothing where the source knows of no news."""
        return []

    def fetch(self, symbol: str, interval: str, start: datetime, end: datetime) -> Bars:
        """The same as bars; a row that is nonsense is an error."""
        from data_pipeline.bars.bars import Bars  # noqa: PLC0415 -- keeps the protocol free of pandas

        rows = self.pull(symbol, interval, start, end)
        return Bars(rows, symbol, interval, self.name, self.calendars.named_for(symbol))
