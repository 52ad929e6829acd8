"""Evaluations: how versions were judged, and how many recipes have challenged a champion."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from daemon.domain.tasks import Document
from daemon.store.rows import all_as, insert
from daemon.store.tables import evaluations, model_versions
from evaluation.verdicts import CaseKind


@dataclass(frozen=True, kw_only=True)
class NewEvaluation:
    """One judgement of a version, compared with the champion of that moment, to be recorded."""

    run_id: int | None
    version_id: int
    champion_id: int | None
    dataset: str
    first: datetime
    last: datetime
    evaluated_at: datetime
    metrics: Document
    verdict: str
    reasons: list[str]
    report: str | None
    kind: CaseKind | None = None  # None before there were records


@dataclass(frozen=True, kw_only=True)
class Evaluation(NewEvaluation):
    """A recorded judgement."""

    id: int


def add(c: Connection, new: NewEvaluation) -> Evaluation:
    """Record a judgement."""
    evaluation_id = insert(c, evaluations, **vars(new))
    return all_as(c, Evaluation, select(evaluations).where(evaluations.c.id == evaluation_id))[0]


def history(
    c: Connection,
    version_id: int | None = None,
    *,
    run_id: int | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> list[Evaluation]:
    """Judgements, newest first; `before` is the last id of the page already seen."""
    query = select(evaluations).order_by(evaluations.c.id.desc()).limit(limit)
    if version_id is not None:
        query = query.where(evaluations.c.version_id == version_id)
    if run_id is not None:
        query = query.where(evaluations.c.run_id == run_id)
    return all_as(c, Evaluation, query if before is None else query.where(evaluations.c.id < before))


def latest(c: Connection, version_id: int) -> Evaluation | None:
    """How a version was judged last."""
    return next(iter(history(c, version_id, limit=1)), None)


def challenges(c: Connection, subject: str, model_type: str, *, besides: str | None = None) -> int:
    """How many recipes have challenged a champion of this place; `besides` is one that is not counted."""
    query = (
        select(func.count(model_versions.c.recipe.distinct()))
        .select_from(evaluations.join(model_versions, model_versions.c.id == evaluations.c.version_id))
        .where(
            model_versions.c.subject == subject,
            model_versions.c.model_type == model_type,
            evaluations.c.kind == "challenge",
        )
    )
    if besides is not None:
        query = query.where(model_versions.c.recipe != besides)
    return c.execute(query).scalar_one()
