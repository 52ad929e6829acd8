"""The datasets that the desk has used, named by their content."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypedDict

from sqlalchemy import Connection, func, select

from daemon.domain.tasks import Document
from daemon.store.rows import all_as, first_as, upsert
from daemon.store.tables import datasets


class DatasetDetail(TypedDict, total=False):
    """What else is recorded of a dataset, as far as it is known.

    Args:
        why: how it came to be: first, appended, mended, split, pulled, made.
        replaces: the dataset whose place it took.
        new_rows: bars that were not stored before.
        quarantined: refused rows by reason.
        health: the Data Health Index, its parts, and the number of bars by warning.
        accepted: who accepted it in which run and why, and how it differs from the one before.
        made_of: the dataset of logs that a trader's table was made of.
        parameters: how the table was made of them.
    """

    why: str
    replaces: str | None
    new_rows: int
    quarantined: dict[str, int]
    health: Document
    accepted: Document
    made_of: str
    parameters: dict[str, str | int | float]


@dataclass(frozen=True, kw_only=True)
class NewDataset:
    """One snapshot of bars, or one log, as it was pulled."""

    dataset: str
    kind: str
    source: str
    symbol: str
    interval: str
    first: datetime
    last: datetime
    rows: int
    pulled_at: datetime
    detail: DatasetDetail = field(default_factory=DatasetDetail)


@dataclass(frozen=True, kw_only=True)
class DatasetRow(NewDataset):
    """A recorded dataset."""

    id: int


def record(c: Connection, new: NewDataset) -> None:
    """Record a dataset; the same content is the same row, pulled later, whose detail keeps its other entries."""
    key = {name: getattr(new, name) for name in ("dataset", "source", "symbol", "interval")}
    before = c.execute(select(datasets.c.detail).filter_by(**key)).scalar() or {}
    statement = upsert(c, datasets).values({**vars(new), "detail": {**before, **new.detail}})
    changes = {"pulled_at": statement.excluded.pulled_at, "detail": statement.excluded.detail}
    c.execute(statement.on_conflict_do_update(index_elements=list(key), set_=changes))


def find(c: Connection, dataset: str) -> DatasetRow | None:
    """The dataset whose id is, or begins with, `dataset`; None where none or more than one does."""
    begins = datasets.c.dataset.startswith(dataset, autoescape=True)
    rows = all_as(c, DatasetRow, select(datasets).where(begins).order_by(datasets.c.pulled_at.desc()))
    return rows[0] if len({row.dataset for row in rows}) == 1 else None


def successor(c: Connection, row: DatasetRow) -> DatasetRow | None:
    """The dataset that replaced this one; the newest, if it was replaced more than once."""
    series = select(datasets).where(
        datasets.c.kind == row.kind,
        datasets.c.source == row.source,
        datasets.c.symbol == row.symbol,
        datasets.c.interval == row.interval,
        datasets.c.detail["replaces"].as_string() == row.dataset,
    )
    return first_as(c, DatasetRow, series.order_by(datasets.c.pulled_at.desc()).limit(1))


def latest(c: Connection, symbol: str | None = None) -> list[DatasetRow]:
    """The dataset pulled last of each kind, source, symbol and interval."""
    series = (datasets.c.kind, datasets.c.source, datasets.c.symbol, datasets.c.interval)
    recency = func.row_number().over(partition_by=series, order_by=(datasets.c.pulled_at.desc(), datasets.c.id.desc()))
    ranked = select(datasets.c.id, recency.label("recency"))
    if symbol is not None:
        ranked = ranked.where(datasets.c.symbol == symbol)
    newest = ranked.subquery("newest")
    query = select(datasets).join(newest, newest.c.id == datasets.c.id).where(newest.c.recency == 1)
    return all_as(c, DatasetRow, query.order_by(*series))
