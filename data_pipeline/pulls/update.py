"""One symbol brought up to date: fetch what is new, gate it, reconcile it with what is stored, store the result.

The first three stages are in `gated_pull` and `reconcile`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from config.calendars import Calendars
from config.errors import NightdeskError
from data_pipeline.bars import calendar
from data_pipeline.bars.store import BarStore, Dataset
from data_pipeline.news.headlines import HeadlineStore
from data_pipeline.provenance import SAMPLE
from data_pipeline.pulls.circuit_breaker import Breaker
from data_pipeline.pulls.gated_pull import BarSeries
from data_pipeline.pulls.reconcile import History, pull_history
from data_pipeline.pulls.revisions import Restatement
from data_pipeline.quality.health import Health, measure
from data_pipeline.sources import BarSource, open_source

if TYPE_CHECKING:
    from config.paths import Home
    from config.settings import Settings, Sources
    from data_pipeline.bars.bars import Bars

_NOT_SERVED = ("data.unreachable", "data.rate_limited")


@dataclass(frozen=True)
class Update:
    """The result of updating one symbol."""

    dataset: Dataset
    source: str
    new_rows: int
    quarantined: dict[str, int]  # bad rows by reason
    fresh: bool  # the newest closed bar is there
    last_closed: datetime
    health: Health
    fallback: str | None = None  # why the sample market took over
    unmended: NightdeskError | None = None  # why rows that were once refused could not be asked for again
    accepted: Restatement | None = None  # what a person accepted that nothing explains


@dataclass(frozen=True)
class Freshness:
    """Whether the stored bars of a symbol reach its last closed session."""

    fresh: bool
    as_of: datetime | None
    last_closed: datetime
    source: str | None


def freshness(
    home: Home, sources: Sources, symbol: str, interval: str, now: datetime, *, calendars: Calendars | None = None
) -> Freshness:
    """Look at what is stored, without pulling anything."""
    store = BarStore(home)
    source = store.serving_source(symbol, interval, sources)
    dataset = store.dataset(symbol, interval, source) if source else None
    closed = calendar.last_closed((calendars or Calendars()).of(symbol), interval, now)
    as_of = dataset.last if dataset else None
    return Freshness(as_of is not None and as_of >= closed, as_of, closed, source)


def ended_on(bars: Iterable[Bars], settings: Settings, now: datetime) -> date | None:
    """The date of the last bar, where these settings work as of it and a session has closed since.

    Of several symbols it is the earliest such date. None for live data, and where the settings want live data.
    """
    if settings.data_params.as_of == "now":
        return None
    newest = {each: each.frame.index[-1] for each in bars if len(each)}
    dates = [
        each.dates[-1].date()
        for each, last in newest.items()
        if last < calendar.last_closed(each.calendar, each.interval, now)
    ]
    return min(dates, default=None)


def update_symbol(
    home: Home,
    sources: Sources,
    symbol: str,
    interval: str,
    now: datetime,
    *,
    accept: bool = False,
    calendars: Calendars | None = None,
) -> Update:
    """Pull what is new, sort out what is bad, publish the rest. On any error what was stored stays as it was.

    With `auto`, a home that never held real bars gets the sample market when Yahoo does not serve it; a home that did
    keeps what it has, and the error is raised. `accept` takes changed past prices that nothing explains. Symbols trade
    by `calendars`, or as Yahoo's way of writing them tells.
    """
    store = BarStore(home)
    if accept and store.serving_source(symbol, interval, sources) is None:
        raise NightdeskError(
            "data.nothing_stored",
            f"There are no {interval} bars of {symbol}, so no history of it can be accepted.",
            "Name a symbol that `nightdesk data list` shows.",
            symbol=symbol,
        )
    try:
        return _update(store, open_source(sources.bars, sources, home, calendars), symbol, interval, now, accept=accept)
    except NightdeskError as error:
        if sources.bars != "auto" or error.code not in _NOT_SERVED or store.holds_real_bars():
            raise
        sample = open_source(SAMPLE, sources, home, calendars)
        return _update(store, sample, symbol, interval, now, fallback=error.message)


def pull_headlines(  # noqa: PLR0917
    home: Home, sources: Sources, source: str, symbol: str, now: datetime, calendars: Calendars | None = None
) -> int:
    """Store what `source` now reports about a symbol; returns how many headlines are new."""
    with Breaker(home.breaker(source), source).guard(now):
        headlines = open_source(source, sources, home, calendars).headlines(symbol, now)
    return HeadlineStore(home).add(source, symbol, headlines, now)


def _update(
    store: BarStore,
    source: BarSource,
    symbol: str,
    interval: str,
    now: datetime,
    *,
    fallback: str | None = None,
    accept: bool = False,
) -> Update:
    stored = store.dataset(symbol, interval, source.name)
    old = store.load(symbol, interval, source.name) if stored else None
    series = BarSeries(store.home, source, symbol, interval, now)
    renamed = False
    if old is not None:  # the owner may have named another calendar since
        renamed = old.named_calendar != source.calendars.named_for(symbol)
        old = series.bars(old.frame)
    history = pull_history(series, old, accept=accept)
    if history.why is None and renamed:
        history = replace(history, why="appended")
    dataset = _store(store, history, stored, now)
    closed = calendar.last_closed(series.calendar, interval, now)
    return Update(
        dataset,
        source.name,
        new_rows=len(history.bars) - (len(old) if old else 0),
        quarantined=history.refused,
        fresh=dataset.last >= closed,
        last_closed=closed,
        health=measure(history.bars, now),
        fallback=fallback,
        unmended=history.unmended,
        accepted=history.accepted,
    )


def _store(store: BarStore, history: History, stored: Dataset | None, now: datetime) -> Dataset:
    """The dataset of the history: the stored one, unless something is new."""
    if history.why is None and stored is not None:
        return stored
    return store.save(history.bars, now, history.why or "first", stored)
