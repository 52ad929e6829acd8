"""One symbol brought up to date: only what is new is pulled, and what was stored must still be true.

A pull overlaps with what is stored. Prices that were told otherwise are explained by a split or dividend, and then the
whole history is pulled anew; or they are not, and then nothing is taken. Volume stays as it was told first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import pandas as pd

from config.errors import NightdeskError
from data_pipeline import calendar, quality
from data_pipeline.bars import COLUMNS, EXTRAS, Bars
from data_pipeline.breaker import Breaker
from data_pipeline.health import Health, measure
from data_pipeline.news import HeadlineStore
from data_pipeline.provenance import SAMPLE
from data_pipeline.quarantine import Quarantine
from data_pipeline.rebasing import Rewriting, events_of, explained, rewriting, unlike
from data_pipeline.sources import BarSource, open_source
from data_pipeline.store import BarStore, Dataset, Why

if TYPE_CHECKING:
    from config.paths import Home
    from config.settings import Sources

# How far back a first pull goes, if the source reaches so far.
FIRST_PULL = {
    "1d": timedelta(days=15 * 365),
    "1h": timedelta(days=728),
    "30m": timedelta(days=58),
    "15m": timedelta(days=58),
    "5m": timedelta(days=58),
    "1m": timedelta(days=27),
}
MENDABLE = timedelta(days=30)  # how long a row that was refused is asked for again
_OVERLAP = 10  # stored bars that are pulled again and compared
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
    health: Health
    fallback: str | None = None  # why the sample market took over
    unmended: NightdeskError | None = None  # why rows that were once refused could not be asked for again
    accepted: Rewriting | None = None  # what a person accepted that nothing explains


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


def update_symbol(
    home: Home, sources: Sources, symbol: str, interval: str, now: datetime, *, accept: bool = False
) -> Update:
    """Pull what is new, sort out what is bad, publish the rest. On any error what was stored stays as it was.

    With `auto`, a home that never held real bars gets the sample market when Yahoo does not serve it; a home that did
    keeps what it has and hears of the error. `accept` takes a history told otherwise though nothing explains it.
    """
    store = BarStore(home)
    if accept and store.chosen(symbol, interval, sources) is None:
        raise NightdeskError(
            "data.nothing_stored",
            f"There are no {interval} bars of {symbol}, so no history of it can be accepted.",
            "Name a symbol that `nightdesk data list` shows.",
            symbol=symbol,
        )
    try:
        return _update(store, open_source(sources.bars, sources, home), symbol, interval, now, accept=accept)
    except NightdeskError as error:
        if sources.bars != "auto" or error.code not in _NOT_SERVED or store.holds_real_bars():
            raise
        sample = open_source(SAMPLE, sources, home)
        return _update(store, sample, symbol, interval, now, fallback=error.message)


def pull_headlines(home: Home, sources: Sources, source: str, symbol: str, now: datetime) -> int:
    """Keep what `source` now reports about a symbol; how many headlines are new."""
    with Breaker(home.breaker(source), source).guard(now):
        found = open_source(source, sources, home).headlines(symbol)
    return HeadlineStore(home).add(source, symbol, found, now)


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
    pull = _Pull(store.home, source, symbol, interval, now, accept)
    bars, why = pull.brought_forward(old) if old is not None else (pull.bars(pull.earliest), "first")
    dataset = stored if stored is not None and why is None else store.save(bars, now, why or "first", stored)
    closed = calendar.last_closed(symbol, interval, now)
    return Update(
        dataset,
        source.name,
        len(bars) - (len(old) if old else 0),
        pull.refused,
        dataset.last >= closed,
        closed,
        measure(bars, now),
        fallback,
        pull.unmended,
        pull.accepted,
    )


@dataclass
class _Pull:
    """Everything that one update asks of its source, each answer through the gates."""

    home: Home
    source: BarSource
    symbol: str
    interval: str
    now: datetime
    accept: bool
    refused: dict[str, int] = field(default_factory=dict)
    unmended: NightdeskError | None = None
    accepted: Rewriting | None = None

    @property
    def earliest(self) -> datetime:
        """Where a history begins that is pulled whole."""
        return self.now - FIRST_PULL[self.interval]

    @property
    def quarantine(self) -> Quarantine:
        """Where refused rows go."""
        return Quarantine(self.home, self.source.name, self.symbol, self.interval)

    def rows(self, start: datetime, end: datetime) -> pd.DataFrame:
        """What the source tells of a span, unless it wants to be left alone."""
        with Breaker(self.home.breaker(self.source.name), self.source.name).guard(self.now):
            return self.source.pull(self.symbol, self.interval, start, end)

    def bars(self, start: datetime) -> Bars:
        """The good bars from `start` to now; the bad rows are in quarantine."""
        report = quality.sort_out(self.rows(start, self.now), self.symbol, self.interval, self.now)
        if report.counts:
            self.quarantine.add(report.quarantined, self.now)
        quality.refuse_poison(report, self.symbol)
        self.refused = report.counts
        return Bars(report.kept, self.symbol, self.interval, self.source.name)

    def brought_forward(self, old: Bars) -> tuple[Bars, Why | None]:
        """The stored bars and what is new, and how they differ from before; None where they do not."""
        reach = self.source.reach(self.interval)
        if reach is not None and old.frame.index[-1] < self.now - reach:
            return self.bars(self.earliest), "out_of_reach"  # nothing that is served can be compared
        known = old.frame.tail(_OVERLAP)
        pulled = self.bars(known.index[0])
        both = known.index.intersection(pulled.frame.index)
        known, again = known.loc[both], pulled.frame.loc[both]
        if len(both) == 0 or unlike(known, again).any():
            return self._rebased(old, pulled, both)
        return self._joined(old, pulled, both, late=not np.allclose(events_of(known), events_of(again)))

    def _joined(self, old: Bars, pulled: Bars, both: pd.Index, *, late: bool) -> tuple[Bars, Why | None]:
        """The same history with more rows: new ones, some that were missing, and events told late."""
        mended = self._mended(old)
        if not late and len(both) == len(pulled) and mended.empty:
            return old, None
        columns = [*COLUMNS, *(name for name in EXTRAS if name in {*old.frame, *pulled.frame})]
        told = old.frame.reindex(columns=columns, fill_value=0.0)
        if late:
            told.loc[both, list(EXTRAS)] = events_of(pulled.frame.loc[both])
        found = pd.concat([pulled.frame, mended]).reindex(columns=columns, fill_value=0.0)
        more = found[~found.index.isin(told.index) & ~found.index.duplicated()]
        bars = Bars(pd.concat([told, more]).sort_index(), self.symbol, self.interval, self.source.name)
        filled = (more.index < told.index[-1]).any()
        return bars, "mended" if filled else "events" if late else "appended"

    def _mended(self, old: Bars) -> pd.DataFrame:
        """Rows inside the history that were refused not long ago and are good by now."""
        flagged = self.quarantine.times(self.now - MENDABLE)
        flagged = flagged[(flagged > old.frame.index[0]) & (flagged < old.frame.index[-1])]
        flagged = flagged.difference(old.frame.index)
        if len(flagged) == 0:
            return old.frame.head(0)
        try:
            rows = self.rows(flagged[0], flagged[-1])
            report = quality.sort_out(rows[rows.index.isin(flagged)], self.symbol, self.interval, self.now)
        except NightdeskError as error:  # what is new must not wait for what is old
            self.unmended = error
            return old.frame.head(0)
        return report.kept

    def _rebased(self, old: Bars, pulled: Bars, times: pd.Index) -> tuple[Bars, Why]:
        """The whole history anew, if splits or dividends explain why it is told otherwise, or a person accepts it."""
        rebasing = explained(old, pulled) if len(times) else None
        if rebasing is None and not self.accept:
            self._refuse(old, pulled, times)
        reach = self.source.reach(self.interval)
        first = old.frame.index[0]
        whole = self.bars(max(first, pd.Timestamp(self.now - reach)) if reach is not None else first)
        if rebasing is None:
            self.accepted = rewriting(old.frame, whole.frame)
            return whole, "accepted"
        earlier = old.frame[old.frame.index < whole.frame.index[0]]  # no longer served
        joined = pd.concat([rebasing.apply(earlier), whole.frame]).fillna(0.0)
        return Bars(joined, self.symbol, self.interval, self.source.name), rebasing.why

    def _refuse(self, old: Bars, pulled: Bars, times: pd.Index) -> NoReturn:
        """Nothing explains it: keep what it says for a person to look at, and what was stored in use."""
        self.quarantine.add(pulled.frame.assign(reason="rewritten"), self.now)
        told = rewriting(old.frame.loc[times], pulled.frame)
        raise NightdeskError(
            "data.rewritten",
            f"{old.source} now tells another history of {old.symbol}, and no split or dividend explains it: {told}.",
            f"Look at data/quarantine. If it is right now, take it with `nightdesk data accept {old.symbol}`.",
            symbol=old.symbol,
            **told.to_dict(),
        )
