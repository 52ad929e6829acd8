"""The bars that are stored: what they are, how healthy, and whether they are still what they were; and their export."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

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
    from data_pipeline.bars.bars import Bars

FORMATS = (".csv", ".parquet")
_SHOWN = 10  # the newest bars
_ENOUGH = 12  # characters of a dataset's id, among thousands of datasets


def stored(home: Home, now: datetime, symbols: Sequence[str] | None, *, check: bool) -> list[dict[str, Any]]:
    """Every dataset (of `symbols`) with its health; what is damaged, and if `check` what the gates refuse, is reported.

    A file that cannot be read keeps its place in the list, with its `problem`; the others are listed as usual.
    """
    store = BarStore(home)
    return [
        _dataset_document(store, name, now, check=check) for name in store.names() if not symbols or name[0] in symbols
    ]


def trader_table(home: Home) -> dict[str, Any] | None:
    """What the home's own table of a trader's logs says of itself."""
    if not home.trader_table.exists():
        return None
    document: dict[str, Any] = {"table": home.relative(home.trader_table), "problem": None}
    try:
        with pq.ParquetFile(home.trader_table) as file:
            facts, rows = file.metadata.metadata, file.metadata.num_rows
            parameters = json.loads(facts[b"nightdesk"])
            document |= {"id": facts[b"id"].decode(), "rows": rows, "interval": f"{parameters['seconds']}s"}
    except (OSError, ValueError, KeyError) as error:
        problem = NightdeskError(
            "data.corrupt",
            f"The table {document['table']} is damaged: {error}.",
            "Make it again with `nightdesk data --trades PLACE`.",
        )
        document["problem"] = problem.to_dict()
    return document


def _dataset_document(store: BarStore, name: tuple[str, str, str], now: datetime, *, check: bool) -> dict[str, Any]:
    symbol, interval, source = name
    document: dict[str, Any] = {"symbol": symbol, "interval": interval, "source": source, "problem": None}
    try:
        dataset = store.dataset(*name)
        bars = store.load(*name)
        document |= {**(dataset.to_dict() if dataset else {}), **_condition(bars, now)}
        if check:
            quality.check(bars.frame, symbol, interval, now, bars.calendar)
    except NightdeskError as error:
        document["problem"] = error.to_dict()
    return document


def _condition(bars: Bars, now: datetime) -> dict[str, Any]:
    """How fresh and how healthy."""
    fresh = bars.frame.index[-1] >= calendar.last_closed(bars.calendar, bars.interval, now)
    return {"fresh": bool(fresh), "health": health.measure(bars, now).to_dict()}


def shown(home: Home, settings: Settings, symbol: str, now: datetime) -> dict[str, Any]:
    """All that is known of the bars that serve a symbol: dataset, health, newest bars, what was replaced or refused."""
    store, interval = BarStore(home), settings.data_params.interval
    bars = stored_bars(home, settings, symbol)
    dataset = store.dataset(symbol, interval, bars.source)
    newest = bars.frame.tail(_SHOWN)
    return {
        **(dataset.to_dict() if dataset else {}),
        **_condition(bars, now),
        "bars": [
            {"time": time.isoformat(), **{str(name): value for name, value in row.items()}}
            for time, row in zip(newest.index, newest.to_dict("records"), strict=True)
        ],
        "revisions": [_short(revision) for revision in store.revisions(symbol, interval, bars.source)],
        "refused": [home.relative(path) for path in home.quarantines(bars.source, symbol, interval)],
        "headlines": len(HeadlineStore(home).load(bars.source, symbol)),
    }


def _short(dataset: Dataset) -> dict[str, Any]:
    document = dataset.to_dict()
    return {name: document[name] for name in ("id", "first", "last", "rows", "pulled_at", "why")}


def export(home: Home, settings: Settings, symbol: str, path: Path, dataset: str | None = None) -> dict[str, Any]:
    """Write the bars of a symbol to a .csv or .parquet file, in the form that `sources.csv_folder` takes.

    The newest, or those of an older dataset that is still kept.
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
    document = {"symbol": symbol, "source": bars.source, "dataset": bars.fingerprint()}
    return {**document, "rows": len(bars), "written": path.name}


def _older_bars(home: Home, settings: Settings, symbol: str, dataset: str) -> Bars:
    """The bars of an older dataset of the symbol."""
    store, interval = BarStore(home), settings.data_params.interval
    if len(dataset) < _ENOUGH:
        raise UsageError("dataset.short", f"{dataset!r} names no one dataset.", f"Give {_ENOUGH} characters or more.")
    source = store.serving_source(symbol, interval, settings.sources)
    bars = store.find(symbol, interval, source, dataset) if source else None
    if bars is None:
        raise UsageError(
            "dataset.gone",
            f"The dataset {dataset} of {symbol} is not kept here, or not any more.",
            f"`nightdesk data show {symbol}` lists those that are; retention.revisions says how many are kept.",
        )
    return bars


def plot(home: Home, settings: Settings, symbol: str, path: Path, now: datetime) -> None:
    """Draw the health of a symbol's bars, session by session."""
    from evaluation.plots import draw_health

    bars = stored_bars(home, settings, symbol)
    draw_health(path.resolve(), bars, health.daily(bars, now), health.marks(bars))
