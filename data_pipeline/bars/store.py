"""The datasets of a home: parquet files of bars, each named by the sha256 of its content."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd

from config.calendars import TradingCalendar
from config.errors import NightdeskError
from config.publish import publishing
from data_pipeline.bars.bars import Bars
from data_pipeline.provenance import SAMPLE

if TYPE_CHECKING:
    from pyarrow import Table

    from config.paths import Home
    from config.settings import Sources

# Why a dataset was stored: it is the first of its kind, it has more rows than the one before, or its source changed
# past prices. A change that neither a split nor a dividend explains was `accepted` by a person.
Why = Literal["first", "appended", "mended", "events", "split", "dividend", "out_of_reach", "accepted"]

# Keys of a file's metadata: the dataset's description, and the calendar of its symbol where the owner named one.
_METADATA_KEY, _CALENDAR_KEY = b"nightdesk", b"nightdesk.calendar"
_TIMES = ("first", "last", "pulled_at")


@dataclass(frozen=True)
class Dataset:
    """An immutable snapshot of bars: what it is, where it came from, what it spans."""

    id: str
    source: str
    symbol: str
    interval: str
    first: datetime
    last: datetime
    rows: int
    pulled_at: datetime
    why: Why = "first"
    replaces: str | None = None  # the id of the dataset before it

    def to_dict(self) -> dict[str, Any]:
        """As JSON, times in ISO 8601."""
        return {name: value.isoformat() if name in _TIMES else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        times = {name: datetime.fromisoformat(data[name]) for name in _TIMES}
        return cls(**{**data, **times})


class BarStore:
    """One file for each source, symbol and interval; a newer dataset takes the place of the one before.

    A dataset that was only continued lives on in the one that continues it. One whose rows changed stays in
    a file of its own, named by its id, until maintenance deletes it as too old.
    """

    def __init__(self, home: Home) -> None:
        self.home = home

    def save(self, bars: Bars, pulled_at: datetime, why: Why = "first", replaces: Dataset | None = None) -> Dataset:
        """Publish the bars whole in the place of the dataset that they replace, and return their dataset."""
        import pyarrow as pa  # noqa: PLC0415 -- heavy
        import pyarrow.parquet as pq  # noqa: PLC0415

        dataset = _describe(bars, pulled_at, why, replaces)
        if replaces is not None and why != "appended":
            self._copy_replaced(replaces)
        table = pa.Table.from_pandas(bars.frame.reset_index(), preserve_index=False)
        metadata = {_METADATA_KEY: json.dumps(dataset.to_dict()).encode()}
        if bars.named_calendar is not None:
            metadata[_CALENDAR_KEY] = bars.named_calendar.code.encode()
        with publishing(self.home.bars(bars.source, bars.symbol, bars.interval)) as temp:
            pq.write_table(table.replace_schema_metadata(metadata), temp)
        return dataset

    def _copy_replaced(self, dataset: Dataset) -> None:
        """Copy a dataset that is about to be replaced to the name of its content."""
        key = (dataset.source, dataset.symbol, dataset.interval)
        with publishing(self.home.revision(*key, dataset.id)) as temp:
            shutil.copyfile(self.home.bars(*key), temp)

    def load(self, symbol: str, interval: str, source: str) -> Bars:
        """The stored bars; their content must still have the hash they were stored under."""
        path = self.home.bars(source, symbol, interval)
        if not path.exists():
            raise NightdeskError(
                "data.missing",
                f"No {interval} bars of {symbol} from {source} are stored in this home.",
                f"Pull them with `nightdesk data --symbols {symbol} --update-data`.",
                symbol=symbol,
            )
        return self._load(path)

    def check(self, path: Path) -> None:
        """Read a file of bars, be they the newest or replaced; `data.corrupt` unless they are what was stored."""
        self._load(path)

    def _load(self, path: Path) -> Bars:
        import pyarrow.parquet as pq  # noqa: PLC0415

        with self._reading(path):
            with pq.ParquetFile(path) as file:
                stored = Dataset.from_dict(json.loads(file.metadata.metadata[_METADATA_KEY]))
                code = file.metadata.metadata.get(_CALENDAR_KEY)
                frame = _frame(file.read())
            calendar = None if code is None else TradingCalendar(code.decode())
            bars = Bars(frame, stored.symbol, stored.interval, stored.source, calendar)
            if bars.fingerprint() != stored.id:
                raise ValueError("its content is not what was stored")
        return bars

    def revisions(self, symbol: str, interval: str, source: str) -> list[Dataset]:
        """The datasets that were replaced and are still kept, newest first."""
        folder = self.home.bars(source, symbol, interval).with_suffix("")
        datasets = [self._dataset(path) for path in folder.glob("[!.]*.parquet")]
        return sorted(datasets, key=lambda dataset: dataset.pulled_at, reverse=True)

    def load_revision(self, dataset: Dataset) -> Bars:
        """The bars of a dataset that was replaced."""
        return self._load(self.home.revision(dataset.source, dataset.symbol, dataset.interval, dataset.id))

    def find(self, symbol: str, interval: str, source: str, dataset: str) -> Bars | None:
        """The bars of the dataset whose id begins with `dataset`, if they are still kept.

        That is the newest, one that was replaced, or one that was only continued: the beginning of one of them.
        """
        key = (symbol, interval, source)
        for stored in (self.load(*key), *map(self.load_revision, self.revisions(*key))):
            heads = (stored.head(rows) for rows in range(len(stored), 0, -1))  # the latest are the likeliest
            if (matching := next((bars for bars in heads if bars.fingerprint().startswith(dataset)), None)) is not None:
                return matching
        return None

    def dataset(self, symbol: str, interval: str, source: str) -> Dataset | None:
        """What is stored, without reading the bars; None where nothing is."""
        path = self.home.bars(source, symbol, interval)
        return self._dataset(path) if path.exists() else None

    def serving_source(self, symbol: str, interval: str, sources: Sources) -> str | None:
        """The stored source that serves under these settings: `auto` takes real bars where there are any."""
        allowed = ("yahoo", SAMPLE) if sources.bars == "auto" else (sources.bars,)
        stored = (name for name in allowed if self.home.bars(name, symbol, interval).exists())
        return next(stored, None)

    def holds_real_bars(self) -> bool:
        """Whether bars of any source but the sample market were ever stored here."""
        return any(path.name != SAMPLE and any(path.rglob("*.parquet")) for path in self.home.bars_root.glob("*"))

    def names(self) -> list[tuple[str, str, str]]:
        """Symbol, interval and source of everything stored, whether or not it can be read, by source and symbol."""
        files = sorted(self.home.bars_root.glob("*/*/[!.]*.parquet"))
        return [(path.parent.name, path.stem, path.parent.parent.name) for path in files]

    def all(self) -> list[Dataset]:
        """The newest dataset of every source, symbol and interval."""
        return [self._dataset(self.home.bars(source, symbol, interval)) for symbol, interval, source in self.names()]

    def _dataset(self, path: Path) -> Dataset:
        import pyarrow.parquet as pq  # noqa: PLC0415

        with self._reading(path):
            return Dataset.from_dict(json.loads(pq.read_metadata(path).metadata[_METADATA_KEY]))

    @contextmanager
    def _reading(self, path: Path) -> Iterator[None]:
        """Any fault of a file on disk becomes an error that names the file and the cure."""
        try:
            yield
        except (OSError, ValueError, TypeError, KeyError, NightdeskError) as error:
            raise NightdeskError(
                "data.corrupt",
                f"The stored bars in {self.home.relative(path)} are damaged: {error}.",
                "Delete that file and run `nightdesk data --update-data`, or restore it from a backup.",
            ) from error


def _frame(table: Table) -> pd.DataFrame:
    """The rows of a file; `to_pandas` would take three times as long."""
    times, *columns = table.columns
    values = np.column_stack([column.to_numpy() for column in columns])
    return pd.DataFrame(values, pd.DatetimeIndex(times.to_numpy(), tz="UTC"), table.column_names[1:])


def _describe(bars: Bars, pulled_at: datetime, why: Why, replaces: Dataset | None) -> Dataset:
    if len(bars) == 0:
        raise NightdeskError("data.empty", f"There are no bars of {bars.symbol} to store.", "Pull a longer span.")
    first, last = (datetime.fromtimestamp(bars.frame.index[row].timestamp(), UTC) for row in (0, -1))
    return Dataset(
        id=bars.fingerprint(),
        source=bars.source,
        symbol=bars.symbol,
        interval=bars.interval,
        first=first,
        last=last,
        rows=len(bars),
        pulled_at=pulled_at.astimezone(UTC),
        why=why,
        replaces=replaces.id if replaces is not None else None,
    )
