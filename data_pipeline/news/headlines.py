"""Headlines, each with the time it was first seen: a bar may use only those that were seen before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from config.errors import NightdeskError
from config.publish import publishing

if TYPE_CHECKING:
    from config.paths import Home

_LONGEST = 500  # characters of any text that is stored


@dataclass(frozen=True)
class Headline:
    """One report about a symbol, as its source gives it.

    `seen_at` is None where it is seen when it is pulled; a source whose reports were seen before tells when.
    """

    id: str
    published_at: datetime
    title: str
    publisher: str
    url: str
    seen_at: datetime | None = None


COLUMNS = ("seen_at", *(field.name for field in fields(Headline) if field.name != "seen_at"))


class HeadlineStore:
    """One growing file for each source and symbol; a headline stays as it was seen first."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def add(self, source: str, symbol: str, headlines: Sequence[Headline], seen_at: datetime) -> int:
        """Store the headlines that are not stored yet; returns how many."""
        if not headlines:
            return 0
        stored = self.load(source, symbol)
        ids = set(stored["id"])
        by_id = {headline.id[:_LONGEST]: headline for headline in reversed(headlines)}
        new = [headline for name, headline in by_id.items() if name not in ids]
        if new:
            rows = _frame([{**asdict(headline), "seen_at": headline.seen_at or seen_at} for headline in new])
            with publishing(self.home.headlines(source, symbol)) as temp:
                together = pd.concat([stored, rows]).sort_values("seen_at", kind="stable")
                together.to_parquet(temp, index=False)
        return len(new)

    def load(self, source: str, symbol: str, *, seen_by: datetime | None = None) -> pd.DataFrame:
        """All headlines in the order they were seen, or those `seen_by` an instant; none where nothing is stored."""
        path = self.home.headlines(source, symbol)
        if not path.exists():
            return _frame([])
        try:
            rows = pd.read_parquet(path)[list(COLUMNS)]
        except (OSError, ValueError, KeyError) as error:
            raise NightdeskError(
                "data.corrupt",
                f"The headlines in {self.home.relative(path)} cannot be read: {error}.",
                "Delete that file; those still reported come back with the next pull.",
                symbol=symbol,
            ) from error
        return rows if seen_by is None else rows[rows["seen_at"] <= pd.Timestamp(seen_by)]


def _frame(rows: list[dict[str, object]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    for name in COLUMNS:
        if name.endswith("_at"):
            frame[name] = pd.to_datetime(frame[name], utc=True).dt.as_unit("us")
        else:
            frame[name] = frame[name].astype("str").str.slice(0, _LONGEST)
    return frame
