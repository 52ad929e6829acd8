"""Evaluations: how versions were judged, and how many attempts stand behind a version."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from daemon.domain.tasks import Document
from daemon.store import trials
from daemon.store.rows import all_as, insert
from daemon.store.tables import evaluations, model_versions
from daemon.store.versions import Version


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


def attempts(c: Connection, version: Version) -> tuple[int, dict[str, float]]:
    """How many versions and trials of its subject and model type were tried, and how the versions did at first.

    The versions are those of its provenance: retrainings and the iterations of one training alike, deleted ones too.
    How they did is the Sharpe ratio by the year of each one's first judgement, by version, of those that have one.
    """
    alike = (
        model_versions.c.subject == version.subject,
        model_versions.c.model_type == version.model_type,
        model_versions.c.provenance == version.provenance,
    )
    versions = c.execute(select(func.count()).where(*alike)).scalar_one()
    first = select(func.min(evaluations.c.id)).group_by(evaluations.c.version_id)
    judged = (
        select(model_versions.c.version, evaluations.c.metrics)
        .join(model_versions, model_versions.c.id == evaluations.c.version_id)
        .where(*alike, evaluations.c.id.in_(first))
    )
    sharpes = {row.version: row.metrics.get("sharpe_ratio") for row in c.execute(judged)}
    count = versions + trials.measured(c, version.subject, version.model_type)
    return count, {name: sharpe for name, sharpe in sharpes.items() if sharpe is not None}
