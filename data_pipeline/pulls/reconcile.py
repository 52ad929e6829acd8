"""The third stage of a pull: what was stored and what the source has now become one history.

Rows of the same time must agree. Prices that differ are explained by a split or a dividend, and then the whole history
is pulled anew; or a person accepted them; or nothing is taken. Volume stays as it was first stored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import NoReturn

import numpy as np
import pandas as pd

from config.errors import NightdeskError
from data_pipeline.bars.bars import COLUMNS, EXTRAS, Bars
from data_pipeline.bars.store import Why
from data_pipeline.provenance import Provenance
from data_pipeline.pulls.gated_pull import BarSeries, GatedBars, fetch, gate, sort_out
from data_pipeline.pulls.revisions import Restatement, events_of, explained, restatement, unlike

MENDABLE = timedelta(days=30)  # how long a row that was refused is asked for again
_OVERLAP = 10  # stored bars that are pulled again and compared


@dataclass(frozen=True)
class History:
    """The bars to store and how they came about. `why` is None where they are those that are stored already."""

    bars: Bars
    why: Why | None
    refused: dict[str, int] = field(default_factory=dict)  # bad rows by reason
    unmended: NightdeskError | None = None  # why rows that were once refused could not be asked for again
    accepted: Restatement | None = None  # what a person accepted that nothing explains


def pull_history(series: BarSeries, old: Bars | None, *, accept: bool) -> History:
    """Pull what is needed beside the stored bars `old`, and reconcile both.

    `accept` takes prices that differ from the stored ones though nothing explains them.
    """
    if old is None:
        return _whole(series, "first")
    if series.reach is not None and old.frame.index[-1] < series.reach:
        return _whole(series, "out_of_reach")  # nothing that is served can be compared
    return reconcile(series, old, gate(series, _newer(series, old)), accept=accept)


def _newer(series: BarSeries, old: Bars) -> pd.DataFrame:
    """The rows from the overlap on; all of them where a history that is taken whole has older ones than are stored."""
    overlap = old.frame.tail(_OVERLAP).index[0]
    if not series.source.whole_history:
        return fetch(series, overlap)
    rows = fetch(series, series.earliest)
    times = pd.DatetimeIndex(rows.index)
    return rows if times.min() < old.frame.index[0] else rows[(times >= overlap) | times.isna()]


def _whole(series: BarSeries, why: Why) -> History:
    pulled = gate(series, fetch(series, series.earliest))
    return History(pulled.bars, why, pulled.refused)


def reconcile(series: BarSeries, old: Bars, pulled: GatedBars, *, accept: bool) -> History:
    """One history of the stored bars and those pulled, which overlap with the newest of them."""
    before = old.frame.tail(_OVERLAP)
    times = before.index.intersection(pulled.bars.frame.index)
    before, now = before.loc[times], pulled.bars.frame.loc[times]
    if len(times) == 0 or unlike(before, now).any():
        if Provenance.of(series.source.name).is_sample:  # the sample market of another version: nobody's history
            return _whole(series, "out_of_reach")
        return _rebased(series, old, pulled, times, accept=accept)
    return _joined(series, old, pulled, times, late=not np.allclose(events_of(before), events_of(now)))


def _joined(series: BarSeries, old: Bars, pulled: GatedBars, times: pd.Index, *, late: bool) -> History:
    """The same history with more rows: new ones, some that were missing, and (`late`) events that were missing."""
    mended, unmended = _mended(series, old)
    if not late and len(times) == len(pulled.bars) and mended.empty:
        return History(old, None, pulled.refused, unmended)
    columns = [*COLUMNS, *(name for name in EXTRAS if name in {*old.frame, *pulled.bars.frame})]
    stored = old.frame.reindex(columns=columns, fill_value=0.0)
    if late:
        stored.loc[times, list(EXTRAS)] = events_of(pulled.bars.frame.loc[times])
    rows = pd.concat([pulled.bars.frame, mended]).reindex(columns=columns, fill_value=0.0)
    more = rows[~rows.index.isin(stored.index) & ~rows.index.duplicated()]
    if more.empty and not late:
        return History(old, None, pulled.refused, unmended)
    bars = series.bars(pd.concat([stored, more]).sort_index())
    filled = (more.index < stored.index[-1]).any()
    return History(bars, "mended" if filled else "events" if late else "appended", pulled.refused, unmended)


def _mended(series: BarSeries, old: Bars) -> tuple[pd.DataFrame, NightdeskError | None]:
    """Rows inside the history that were refused not long ago and are good by now; or the error of asking for them."""
    none = old.frame.head(0)
    refused = series.quarantine.times(series.now - MENDABLE)
    refused = refused[(refused > old.frame.index[0]) & (refused < old.frame.index[-1])]
    refused = refused.difference(old.frame.index)
    if len(refused) == 0:
        return none, None
    try:
        rows = fetch(series, refused[0], refused[-1])
        report = sort_out(series, rows[rows.index.isin(refused)])
    except NightdeskError as error:  # what is new must not wait for what is old
        return none, error
    return report.good, None


def _rebased(series: BarSeries, old: Bars, pulled: GatedBars, times: pd.Index, *, accept: bool) -> History:
    """The whole history anew, if splits or dividends explain the other prices, or a person accepts them."""
    rebasing = explained(old, pulled.bars) if len(times) else None
    if rebasing is None and not accept:
        _refuse(series, old, pulled.bars, times)
    first = old.frame.index[0]
    start = first if series.reach is None else max(first, pd.Timestamp(series.reach))
    whole = gate(series, fetch(series, start))
    if rebasing is None:
        return History(whole.bars, "accepted", whole.refused, accepted=restatement(old.frame, whole.bars.frame))
    earlier = old.frame[old.frame.index < whole.bars.frame.index[0]]  # no longer served
    rows = pd.concat([rebasing.apply(earlier), whole.bars.frame]).fillna(0.0)
    return History(series.bars(rows), rebasing.why, whole.refused)


def _refuse(series: BarSeries, old: Bars, pulled: Bars, times: pd.Index) -> NoReturn:
    """Put the unexplained rows into quarantine for a person to look at; what is stored stays in use."""
    series.quarantine.add(pulled.frame.assign(reason="rewritten"), series.now)
    changes = restatement(old.frame.loc[times], pulled.frame)
    raise NightdeskError(
        "data.rewritten",
        f"{old.source} now gives other past prices of {old.symbol}, and no split or dividend explains them: {changes}.",
        f"Look at data/quarantine. If they are right now, take them with `nightdesk data accept {old.symbol}`.",
        symbol=old.symbol,
        **changes.to_dict(),
    )
