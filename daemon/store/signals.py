"""Every signal that was ever published, as it was published."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import CTE, Connection, case, delete, func, or_, select

from daemon.store.rows import all_as, insert_once
from daemon.store.tables import model_versions, servings, signals

CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class NewSignal:
    """What a champion decides about one symbol or market at the close of one bar, to be published."""

    run_id: int | None
    subject: str
    symbol: str
    model_type: str
    version_id: int
    bar_time: datetime
    interval: str
    action: str
    position: float
    confidence: float
    price: float
    provenance: str
    dataset: str
    published_at: datetime
    act_by: datetime | None
    expires_at: datetime
    standing: str | None = None  # of its recipe, when it was published
    target: str = ""  # the return that was asked for, see `daemon.domain.signals`; "" for the model's own
    remark: str | None = None  # of its version, such as what it was decided without


@dataclass(frozen=True, kw_only=True)
class Signal(NewSignal):
    """A published signal."""

    id: int

    def of_the_future(self, now: datetime) -> bool:
        """Whether a clock published it that ran ahead, by more than two clocks may differ."""
        return self.published_at > now + CLOCKS_DIFFER

    def stale(self, now: datetime) -> bool:
        """Whether it is too old to be called current, or of the future."""
        return now >= self.expires_at or self.of_the_future(now)


def publish(c: Connection, new: NewSignal) -> bool:
    """Write a signal into the ledger; False if that version has published the same about that symbol and bar already.

    One that a clock published which ran ahead makes place for the true one.
    """
    key = ("subject", "symbol", "model_type", "version_id", "bar_time", "target")
    same = [signals.c[name] == getattr(new, name) for name in key]
    c.execute(delete(signals).where(*same, signals.c.published_at > new.published_at + CLOCKS_DIFFER))
    return insert_once(c, signals, key, **vars(new)) is not None


def latest(c: Connection, name: str | None = None) -> list[Signal]:
    """The newest signal of each subject, symbol, model type and target, `name` being the subject or the symbol.

    Of two about the same bar it is the champion's. A symbol whose last signal had expired before the pair's newest
    bar is left out: it is no longer in the universe, or its market is over. However long the ledger has grown, only a
    short stretch of an index is read for each pair that ever served.
    """
    pair = _newest_bars()
    rank = func.row_number().over(
        partition_by=(signals.c.subject, signals.c.symbol, signals.c.model_type, signals.c.target),
        order_by=(
            signals.c.bar_time.desc(),
            case((model_versions.c.state == "champion", 0), else_=1),
            signals.c.id.desc(),
        ),
    )
    ranked = (
        select(signals.c.id, rank.label("rank"))
        .select_from(pair)
        .join(signals, (signals.c.subject == pair.c.subject) & (signals.c.model_type == pair.c.model_type))
        .join(model_versions, model_versions.c.id == signals.c.version_id)
        .where(signals.c.expires_at >= pair.c.newest_bar)
        .subquery("ranked")
    )
    query = select(signals).join(ranked, ranked.c.id == signals.c.id).where(ranked.c.rank == 1)
    if name is not None:
        query = query.where(or_(signals.c.subject == name, signals.c.symbol == name))
    return all_as(
        c, Signal, query.order_by(signals.c.subject, signals.c.symbol, signals.c.model_type, signals.c.target)
    )


def _newest_bars() -> CTE:
    """Of each pair that ever served the newest bar with a signal; computed once a pair, not once a signal."""
    pair = select(servings.c.subject, servings.c.model_type).distinct().subquery("pair")
    newest = (
        select(func.max(signals.c.bar_time))
        .where(signals.c.subject == pair.c.subject, signals.c.model_type == pair.c.model_type)
        .correlate(pair)
        .scalar_subquery()
    )
    return select(pair, newest.label("newest_bar")).cte("newest_bars").prefix_with("MATERIALIZED")


def history(
    c: Connection,
    subject: str | None = None,
    model_type: str | None = None,
    *,
    symbol: str | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> list[Signal]:
    """Signals as they were published, newest first: about bars from `since` on.

    Those of a return that was asked for are left out: they are no part of what a model decides by itself.
    """
    query = select(signals).where(signals.c.target == "").order_by(signals.c.id.desc()).limit(limit)
    if subject is not None:
        query = query.where(signals.c.subject == subject)
    if model_type is not None:
        query = query.where(signals.c.model_type == model_type)
    if symbol is not None:
        query = query.where(signals.c.symbol == symbol)
    if since is not None:
        query = query.where(signals.c.bar_time >= since)
    return all_as(c, Signal, query)


def page(
    c: Connection, name: str, *, target: str | None = None, before: int | None = None, limit: int = 50
) -> list[Signal]:
    """Signals of a subject or about a symbol, newest first, below the id `before`; of one target or of all."""
    query = select(signals).where(or_(signals.c.subject == name, signals.c.symbol == name))
    if target is not None:
        query = query.where(signals.c.target == target)
    if before is not None:
        query = query.where(signals.c.id < before)
    return all_as(c, Signal, query.order_by(signals.c.id.desc()).limit(limit))
