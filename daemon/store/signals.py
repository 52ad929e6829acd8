"""Every signal that was ever published, as it was said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, select

from daemon.store.rows import all_as, insert_once
from daemon.store.tables import model_versions, servings, signals


@dataclass(frozen=True)
class Signal:
    """What a champion said at the close of one bar."""

    id: int
    run_id: int | None
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
    expires_at: datetime

    def stale(self, now: datetime) -> bool:
        """Whether it is too old to be called current."""
        return now >= self.expires_at


def publish(
    c: Connection,
    *,
    run_id: int | None,
    symbol: str,
    model_type: str,
    version_id: int,
    bar_time: datetime,
    interval: str,
    action: str,
    position: float,
    confidence: float,
    price: float,
    provenance: str,
    dataset: str,
    published_at: datetime,
    expires_at: datetime,
) -> bool:
    """Write a signal into the ledger; False if that version has spoken about that bar already."""
    inserted = insert_once(
        c,
        signals,
        ("symbol", "model_type", "version_id", "bar_time"),
        run_id=run_id,
        symbol=symbol,
        model_type=model_type,
        version_id=version_id,
        bar_time=bar_time,
        interval=interval,
        action=action,
        position=position,
        confidence=confidence,
        price=price,
        provenance=provenance,
        dataset=dataset,
        published_at=published_at,
        expires_at=expires_at,
    )
    return inserted is not None


def latest(c: Connection, symbol: str | None = None) -> list[Signal]:
    """The newest signal of each symbol and model type; of two about the same bar, the champion's.

    One short walk down the index for each pair that ever served, however long the ledger has grown.
    """
    pairs = select(servings.c.symbol, servings.c.model_type).distinct()
    if symbol is not None:
        pairs = pairs.where(servings.c.symbol == symbol)
    pair = pairs.subquery("pair")
    said = signals.alias("said")
    newest = (
        select(said.c.id)
        .join(model_versions, model_versions.c.id == said.c.version_id)
        .where(said.c.symbol == pair.c.symbol, said.c.model_type == pair.c.model_type)
        .order_by(said.c.bar_time.desc(), case((model_versions.c.state == "champion", 0), else_=1), said.c.id.desc())
        .limit(1)
        .correlate(pair)
        .scalar_subquery()
    )
    query = select(signals).select_from(pair.join(signals, signals.c.id == newest))
    return all_as(c, Signal, query.order_by(signals.c.symbol, signals.c.model_type))


def history(
    c: Connection,
    symbol: str | None = None,
    model_type: str | None = None,
    *,
    since: datetime | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> list[Signal]:
    """Signals as they were published, newest first: about bars from `since` on, with ids below `before`."""
    query = select(signals).order_by(signals.c.id.desc()).limit(limit)
    if symbol is not None:
        query = query.where(signals.c.symbol == symbol)
    if model_type is not None:
        query = query.where(signals.c.model_type == model_type)
    if since is not None:
        query = query.where(signals.c.bar_time >= since)
    return all_as(c, Signal, query if before is None else query.where(signals.c.id < before))
