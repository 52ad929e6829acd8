"""Stored bars: what there is, its freshness, health and problems; and their export."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow.parquet as pq

from config.errors import NightdeskError, UsageError
from config.publish import publishing
from data_pipeline.bars import calendar
from data_pipeline.bars.store import BarStore, Dataset
from data_pipeline.news.headlines import HeadlineStore
from data_pipeline.quality import gates as quality
from data_pipeline.quality import health
from data_pipeline.stored_inputs import stored_bars

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from config.paths import Home
    from config.settings import Settings
    from daemon.domain.tasks import Document
    from data_pipeline.bars.bars import Bars
    from data_pipeline.quality.health import Health

FORMATS = (".csv", ".parquet")
_NEWEST = 10  # bars that are shown
_MIN_ID = 12  # characters that tell a dataset from thousands of others


@dataclass(frozen=True)
class StoredBars:
    """One series of stored bars; a file that cannot be read, or whose bars the gates refuse, has a problem."""

    symbol: str
    interval: str
    source: str
    dataset: Dataset | None = None
    fresh: bool | None = None
    health: Health | None = None
    problem: NightdeskError | None = None

    def document(self) -> Document:
        """As `--json` shows it."""
        name: Document = {"symbol": self.symbol, "interval": self.interval, "source": self.source}
        dataset = self.dataset.to_dict() if self.dataset else {}
        condition = {"fresh": self.fresh, "health": self.health.to_dict()} if self.health else {}
        return {**name, "problem": _problem(self.problem), **dataset, **condition}


@dataclass(frozen=True)
class StoredTable:
    """The home's own table of a trader's decisions; one that cannot be read has a problem."""

    table: str
    id: str | None = None
    rows: int | None = None
    interval: str | None = None
    problem: NightdeskError | None = None

    def document(self) -> Document:
        """As `--json` shows it."""
        content: Document = {"id": self.id, "rows": self.rows, "interval": self.interval} if self.id else {}
        return {"table": self.table, "problem": _problem(self.problem), **content}


@dataclass(frozen=True)
class SymbolBars:
    """The bars that serve a symbol: their dataset and health, the newest of them, what was replaced or refused."""

    series: StoredBars
    newest: list[Document]
    revisions: list[Dataset]
    refused: list[str]
    headlines: int

    def document(self) -> Document:
        """As `--json` shows it."""
        revisions = [dataset.to_dict() for dataset in self.revisions]
        series = self.series.document()
        del series["problem"]
        return {
            **series,
            "bars": list(self.newest),
            "revisions": [{name: revision[name] for name in _REVISION} for revision in revisions],
            "refused": list(self.refused),
            "headlines": self.headlines,
        }


_REVISION = ("id", "first", "last", "rows", "pulled_at", "why")


def _problem(error: NightdeskError | None) -> Document | None:
    return error.to_dict() if error else None


def stored(home: Home, now: datetime, symbols: Sequence[str] | None, *, check: bool) -> list[StoredBars]:
    """Every series of bars (of `symbols`) with its health; `check` also runs the quality gates over it."""
    store = BarStore(home)
    return [_series(store, *name, now, check=check) for name in store.names() if not symbols or name[0] in symbols]


def trader_table(home: Home) -> StoredTable | None:
    """The home's own table of a trader's decisions, if there is one."""
    if not home.trader_table.exists():
        return None
    table = home.relative(home.trader_table)
    try:
        with pq.ParquetFile(home.trader_table) as file:
            facts, rows = file.metadata.metadata, file.metadata.num_rows
            parameters = json.loads(facts[b"nightdesk"])
            return StoredTable(table, id=facts[b"id"].decode(), rows=rows, interval=f"{parameters['seconds']}s")
    except (OSError, ValueError, KeyError) as error:
        problem = NightdeskError(
            "data.corrupt",
            f"The table {table} is damaged: {error}.",
            "Make it again with `nightdesk data --trades PLACE`.",
        )
        return StoredTable(table, problem=problem)


def _series(store: BarStore, symbol: str, interval: str, source: str, now: datetime, *, check: bool) -> StoredBars:
    series = StoredBars(symbol, interval, source)
    try:
        dataset, bars = store.dataset(symbol, interval, source), store.load(symbol, interval, source)
        series = replace(series, dataset=dataset, fresh=_fresh(bars, now), health=health.measure(bars, now))
        if check:
            quality.check(bars.frame, symbol, interval, now, bars.calendar)
    except NightdeskError as error:
        return replace(series, problem=error)
    return series


def _fresh(bars: Bars, now: datetime) -> bool:
    """Whether the bar of the last closed session is there."""
    return bool(bars.frame.index[-1] >= calendar.last_closed(bars.calendar, bars.interval, now))


def bars_of(home: Home, settings: Settings, symbol: str, now: datetime) -> SymbolBars:
    """The bars that serve a symbol."""
    store, interval = BarStore(home), settings.data_params.interval
    bars = stored_bars(home, settings, symbol)
    series = StoredBars(
        symbol,
        interval,
        bars.source,
        dataset=store.dataset(symbol, interval, bars.source),
        fresh=_fresh(bars, now),
        health=health.measure(bars, now),
    )
    newest = bars.frame.tail(_NEWEST)
    return SymbolBars(
        series,
        newest=[
            {"time": time.isoformat(), **{str(name): value for name, value in row.items()}}
            for time, row in zip(newest.index, newest.to_dict("records"), strict=True)
        ],
        revisions=store.revisions(symbol, interval, bars.source),
        refused=[home.relative(path) for path in home.quarantines(bars.source, symbol, interval)],
        headlines=len(HeadlineStore(home).load(bars.source, symbol)),
    )


def export(home: Home, settings: Settings, symbol: str, path: Path, dataset: str | None = None) -> Document:
    """Write the bars of a symbol to a .csv or .parquet file, in the form that `sources.csv_folder` takes.

    They are those that serve now, or those of an older dataset that is still stored.
    """
    if path.suffix not in FORMATS:
        raise UsageError("export.format", f"{path.name} is no file of a known kind.", "Name it .csv or .parquet.")
    bars = stored_bars(home, settings, symbol) if dataset is None else _older_bars(home, settings, symbol, dataset)
    name, times = ("date", bars.dates) if bars.interval == "1d" else ("time", pd.DatetimeIndex(bars.frame.index))
    frame = bars.frame.reset_index(drop=True)
    frame.insert(0, name, times)
    with publishing(path.resolve()) as temp:
        if path.suffix == ".csv":
            frame.to_csv(temp, index=False)
        else:
            frame.to_parquet(temp, index=False)
    return {
        "symbol": symbol,
        "source": bars.source,
        "dataset": bars.fingerprint(),
        "rows": len(bars),
        "written": path.name,
    }


def _older_bars(home: Home, settings: Settings, symbol: str, dataset: str) -> Bars:
    """The bars of an older dataset of the symbol."""
    store, interval = BarStore(home), settings.data_params.interval
    if len(dataset) < _MIN_ID:
        raise UsageError("dataset.short", f"{dataset!r} names no one dataset.", f"Give {_MIN_ID} characters or more.")
    source = store.serving_source(symbol, interval, settings.sources)
    bars = store.find(symbol, interval, source, dataset) if source else None
    if bars is None:
        raise UsageError(
            "dataset.gone",
            f"The dataset {dataset} of {symbol} is not stored here, or no longer.",
            f"`nightdesk data show {symbol}` lists those that are; retention.revisions sets how many are kept.",
        )
    return bars


def plot(home: Home, settings: Settings, symbol: str, path: Path, now: datetime) -> None:
    """Draw the health of a symbol's bars, session by session."""
    from evaluation.plots import draw_health

    bars = stored_bars(home, settings, symbol)
    draw_health(path.resolve(), bars, health.daily(bars, now), health.marks(bars))
