"""Retrainings for a reason: which training was started or explained by which diagnosis, once a place and newest bar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, func, select

from daemon.domain.retraining import Diagnosis
from daemon.domain.runs import Run
from daemon.store.rows import insert_once
from daemon.store.tables import retrainings, runs


@dataclass(frozen=True, kw_only=True)
class NewRetraining:
    """A retraining to be recorded with the run that does it.

    Args:
        subject: of the place that is retrained, with its `model_type`.
        model_type: see there.
        data_until: the newest bar that is stored.
        version_id: the version that was trained last.
        diagnoses: the reasons, the most urgent first.
        started_at: when it was decided.
        run_id: the training.
        own_run: whether the run was started for this; else it was to come anyway.
    """

    subject: str
    model_type: str
    data_until: datetime
    version_id: int
    diagnoses: tuple[Diagnosis, ...]
    started_at: datetime
    run_id: int
    own_run: bool


@dataclass(frozen=True, kw_only=True)
class RetrainingRow(NewRetraining):
    """A recorded retraining."""

    id: int

    @property
    def label(self) -> str:
        """The place that is retrained: AAPL/behavioral_cloner."""
        return f"{self.subject}/{self.model_type}"


def claim(c: Connection, new: NewRetraining) -> bool:
    """Record a retraining; False if one of this place on this newest bar is recorded already."""
    values = {**vars(new), "diagnoses": [each.document() for each in new.diagnoses]}
    return insert_once(c, retrainings, ("subject", "model_type", "data_until"), **values) is not None


def newest(c: Connection) -> dict[tuple[str, str], RetrainingRow]:
    """The newest retraining of every subject and model type."""
    ids = select(func.max(retrainings.c.id)).group_by(retrainings.c.subject, retrainings.c.model_type)
    rows = _rows(c, select(retrainings).where(retrainings.c.id.in_(ids)))
    return {(row.subject, row.model_type): row for row in rows}


def spent(c: Connection, since: datetime, now: datetime) -> int:
    """How many were started from `since` to `now` by a run of their own."""
    query = select(func.count()).where(
        retrainings.c.started_at > since, retrainings.c.started_at <= now, retrainings.c.own_run
    )
    return int(c.execute(query).scalar_one())


def of_run(c: Connection, run: Run) -> list[RetrainingRow]:
    """What the run was started for, or what explains it; every attempt of one occurrence has the same."""
    attempts = select(runs.c.id).where(runs.c.job == run.job, runs.c.scheduled_for == run.scheduled_for)
    return _rows(c, select(retrainings).where(retrainings.c.run_id.in_(attempts)).order_by(retrainings.c.id))


def page(
    c: Connection, *, subject: str | None = None, before: int | None = None, limit: int = 50
) -> list[RetrainingRow]:
    """Retrainings, newest first, below the id `before`; of one subject."""
    query = select(retrainings).order_by(retrainings.c.id.desc()).limit(limit)
    if subject is not None:
        query = query.where(retrainings.c.subject == subject)
    return _rows(c, query if before is None else query.where(retrainings.c.id < before))


def _rows(c: Connection, query: Select[tuple[object, ...]]) -> list[RetrainingRow]:
    rows = [dict(row._mapping) for row in c.execute(query)]  # noqa: SLF001 (SQLAlchemy's public name for it)
    return [
        RetrainingRow(**{**row, "diagnoses": tuple(map(Diagnosis.model_validate, row["diagnoses"]))}) for row in rows
    ]
