"""What performance_check measured, over evaluations and over the signals that were really published."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, func, select

from daemon.store.rows import all_as
from daemon.store.tables import measurements, model_versions

Basis = Literal["evaluation", "live"]


@dataclass(frozen=True, kw_only=True)
class NewMeasurement:
    """One figure of one model at one moment, to be recorded; without a value it has a reason."""

    run_id: int | None
    subject: str
    model_type: str
    version_id: int | None
    metric: str
    basis: Basis
    value: float | None
    reason: str | None
    measured_at: datetime


@dataclass(frozen=True, kw_only=True)
class Measurement(NewMeasurement):
    """A recorded figure."""

    id: int


def add(c: Connection, new: NewMeasurement) -> None:
    """Record a figure, or why there is none."""
    c.execute(measurements.insert().values(**vars(new)))


def latest(c: Connection) -> list[Measurement]:
    """The newest figure of each subject, model type, metric and basis."""
    series = (measurements.c.subject, measurements.c.model_type, measurements.c.metric, measurements.c.basis)
    newest = select(func.max(measurements.c.id)).group_by(*series)
    return all_as(c, Measurement, select(measurements).where(measurements.c.id.in_(newest)).order_by(*series))


def newest_of(c: Connection, metric: str, basis: Basis) -> list[Measurement]:
    """The newest figure of one metric of each subject and model type that has a version.

    Each is looked up by the index, so that it takes no longer after years of nights.
    """
    places = select(model_versions.c.subject, model_versions.c.model_type).distinct().subquery()
    rows = measurements.alias()
    newest = (
        select(func.max(rows.c.id))
        .where(
            rows.c.subject == places.c.subject,
            rows.c.model_type == places.c.model_type,
            rows.c.metric == metric,
            rows.c.basis == basis,
        )
        .scalar_subquery()
    )
    return all_as(c, Measurement, select(measurements).where(measurements.c.id.in_(select(newest).select_from(places))))


def history(
    c: Connection, subject: str, model_type: str, metric: str, basis: Basis, *, limit: int | None = None
) -> list[Measurement]:
    """The figures of one metric, newest first."""
    query = select(measurements).where(
        measurements.c.subject == subject,
        measurements.c.model_type == model_type,
        measurements.c.metric == metric,
        measurements.c.basis == basis,
    )
    return all_as(c, Measurement, query.order_by(measurements.c.id.desc()).limit(limit))
