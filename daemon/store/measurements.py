"""What performance_check measured, over evaluations and over the signals that were really published."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, func, select

from daemon.store.rows import all_as
from daemon.store.tables import measurements

Basis = Literal["evaluation", "live"]


@dataclass(frozen=True)
class Measurement:
    """One figure of one model at one moment; without a value it has a reason."""

    id: int
    run_id: int | None
    symbol: str
    model_type: str
    version_id: int | None
    metric: str
    basis: Basis
    value: float | None
    reason: str | None
    measured_at: datetime


def add(
    c: Connection,
    *,
    run_id: int | None,
    symbol: str,
    model_type: str,
    version_id: int | None,
    metric: str,
    basis: Basis,
    value: float | None,
    reason: str | None = None,
    measured_at: datetime,
) -> None:
    """Record a figure, or why there is none."""
    c.execute(
        measurements.insert().values(
            run_id=run_id,
            symbol=symbol,
            model_type=model_type,
            version_id=version_id,
            metric=metric,
            basis=basis,
            value=value,
            reason=reason,
            measured_at=measured_at,
        )
    )


def latest(c: Connection) -> list[Measurement]:
    """The newest figure of each symbol, model type, metric and basis."""
    series = (measurements.c.symbol, measurements.c.model_type, measurements.c.metric, measurements.c.basis)
    newest = select(func.max(measurements.c.id)).group_by(*series)
    return all_as(c, Measurement, select(measurements).where(measurements.c.id.in_(newest)).order_by(*series))


def history(
    c: Connection, symbol: str, model_type: str, metric: str, basis: Basis, *, limit: int | None = None
) -> list[Measurement]:
    """The figures of one metric, newest first."""
    query = select(measurements).where(
        measurements.c.symbol == symbol,
        measurements.c.model_type == model_type,
        measurements.c.metric == metric,
        measurements.c.basis == basis,
    )
    return all_as(c, Measurement, query.order_by(measurements.c.id.desc()).limit(limit))
