"""One symbol brought up to date: only what is new is pulled, and what was stored must still be true."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from config.errors import NightdeskError
from config.publish import publishing
from data_pipeline import calendar, quality
from data_pipeline.bars import PRICES, Bars
from data_pipeline.sources import BarSource, open_source
from data_pipeline.store import BarStore, Dataset

if TYPE_CHECKING:
    from config.paths import Home
    from config.settings import Sources

# How far back a first pull goes. Yahoo serves 730, 60 and 8 days of short bars; it is asked for a day more than
# stands here, and the clock goes on while it is asked.
FIRST_PULL = {
    "1d": timedelta(days=15 * 365),
    "1h": timedelta(days=728),
    "30m": timedelta(days=58),
    "15m": timedelta(days=58),
    "5m": timedelta(days=58),
    "1m": timedelta(days=6),
}
_OVERLAP = 10  # stored bars that are pulled again and compared
_SAME = 1e-5  # as a part of the price: sources answer in single precision
_NOT_SERVED = ("data.unreachable", "data.rate_limited")


@dataclass(frozen=True)
class Update:
    """What one update of one symbol did."""

    dataset: Dataset
    source: str
    new_rows: int
    quarantined: dict[str, int]  # bad rows by reason
    fresh: bool  # the newest closed bar is there
    last_closed: datetime
    fallback: str | None = None  # why the sample market took over


@dataclass(frozen=True)
class Freshness:
    """Whether the stored bars of a symbol reach its last closed session."""

    fresh: bool
    as_of: datetime | None
    last_closed: datetime
    source: str | None


def freshness(home: Home, sources: Sources, symbol: str, interval: str, now: datetime) -> Freshness:
    """Look at what is stored, without pulling anything."""
    store = BarStore(home)
    source = store.chosen(symbol, interval, sources)
    dataset = store.dataset(symbol, interval, source) if source else None
    closed = calendar.last_closed(symbol, interval, now)
    as_of = dataset.last if dataset else None
    return Freshness(as_of is not None and as_of >= closed, as_of, closed, source)


def update_symbol(home: Home, sources: Sources, symbol: str, interval: str, now: datetime) -> Update:
    """Pull what is new, sort out what is bad, publish the rest. On any error what was stored stays as it was.

    With `auto`, a home that never held real bars gets the sample market when Yahoo does not serve it; a home that did
    keeps what it has and hears of the error.
    """
    store = BarStore(home)
    try:
        return _update(store, open_source(sources.bars, sources, home), symbol, interval, now)
    except NightdeskError as error:
        if sources.bars != "auto" or error.code not in _NOT_SERVED or store.holds_real_bars():
            raise
        sample = open_source("sample", sources, home)
        return _update(store, sample, symbol, interval, now, fallback=error.message)


def _update(
    store: BarStore, source: BarSource, symbol: str, interval: str, now: datetime, *, fallback: str | None = None
) -> Update:
    stored = store.dataset(symbol, interval, source.name)
    old = store.load(symbol, interval, source.name) if stored else None
    start = old.tail(_OVERLAP).frame.index[0] if old else now - FIRST_PULL[interval]
    refused = store.home.quarantine(source.name, symbol, interval, now)
    report = quality.check(source.pull(symbol, interval, start, now), symbol, interval, now)
    if len(report.quarantined):
        _quarantine(refused, report.quarantined)
    pulled = Bars(report.kept, symbol, interval, source.name)
    bars = _joined(old, pulled, refused) if old else pulled
    new_rows = len(bars) - (len(old) if old else 0)
    dataset = stored if stored and new_rows == 0 else store.save(bars, now)
    closed = calendar.last_closed(symbol, interval, now)
    return Update(dataset, source.name, new_rows, report.counts, dataset.last >= closed, closed, fallback)


def _joined(old: Bars, pulled: Bars, refused: Path) -> Bars:
    """The stored bars and the new ones, if the source still says of the overlap what it said then."""
    times = old.frame.index[-_OVERLAP:].intersection(pulled.frame.index)
    told, again = (bars.frame.loc[times, list(PRICES)] for bars in (old, pulled))
    same = np.isclose(again, told, rtol=_SAME, atol=0.0).all(axis=1)
    if not same.all() or len(times) == 0:
        _quarantine(refused, pulled.frame.assign(reason="rewritten"))
        first = times[np.flatnonzero(~same)[0]] if len(times) else old.frame.index[-1]
        raise NightdeskError(
            "data.rewritten",
            f"{old.source} now tells another history of {old.symbol}: the bar of {first} is not what was stored.",
            "Look at data/quarantine. If a split explains it, delete the stored file and pull the history anew.",
            symbol=old.symbol,
            rows=int((~same).sum()),
        )
    newer = pulled.frame[pulled.frame.index > old.frame.index[-1]]
    joined = pd.concat([old.frame, newer[list(old.frame.columns)]])
    return Bars(joined, old.symbol, old.interval, old.source)


def _quarantine(path: Path, rows: pd.DataFrame) -> None:
    """Keep refused rows for a person to look at, as text, since what is wrong with them may be their type."""
    with publishing(path) as temp:
        rows.reset_index(names="time").astype(str).to_parquet(temp)
