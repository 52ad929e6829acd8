"""Promotion: what a judgement does to the serving ledger, in one transaction with its record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from daemon.jobs.evaluation.messages import EvaluateResult
from daemon.store import evaluations, servings, versions
from daemon.store.versions import Version
from data_pipeline.provenance import Provenance
from evaluation.labels import why
from evaluation.verdicts import CaseKind


@dataclass(frozen=True)
class Judgement:
    """A version that was judged by a worker, which loaded it and reproduced its golden predictions."""

    run_id: int
    case: CaseKind
    candidate: Version
    champion: Version | None  # who serves now
    result: EvaluateResult


def sample_teacher(candidate: Version, champion: Version | None) -> bool:
    """Whether a clone of the sample expert asks for the place of one that learned from a real one on these bars."""
    if champion is None:
        return False
    ours, theirs = Provenance.parse(candidate.provenance), Provenance.parse(champion.provenance)
    return ours.sample_teacher and ours.sources == theirs.sources and not theirs.sample_teacher


def settle(c: Connection, judgement: Judgement, now: datetime) -> bool:
    """Record the judgement; a version that takes over serves from now on. Returns whether it does.

    The champion may have changed or been pinned since the judgement began: then the challenger stays one, to be judged
    again.
    """
    candidate, champion, result = judgement.candidate, judgement.champion, judgement.result
    _record(c, judgement, now)
    if judgement.case == "alone":
        return False
    serving = versions.champion(c, candidate.subject, candidate.model_type)
    if (serving and serving.id) != (champion and champion.id):
        return False
    if result.outcome != "takes_over":
        versions.set_state(c, candidate.id, "rejected", ("challenger",))
        return False
    if champion is not None and servings.pinned(c, candidate.subject, candidate.model_type):
        return False
    return servings.serve(
        c,
        candidate.subject,
        candidate.model_type,
        candidate.id,
        now,
        why=", ".join(map(why, result.reasons)),
        author=f"evaluation run {judgement.run_id}",
    )


def _record(c: Connection, judgement: Judgement, now: datetime) -> None:
    result = judgement.result
    new = evaluations.NewEvaluation(
        run_id=judgement.run_id,
        version_id=judgement.candidate.id,
        champion_id=judgement.champion.id if judgement.champion is not None and judgement.case != "alone" else None,
        dataset=result.dataset,
        first=result.first,
        last=result.last,
        evaluated_at=now,
        metrics=result.metrics.document(),
        kind=judgement.case,
        verdict=result.outcome,
        reasons=list(result.reasons),
        report=result.report,
    )
    evaluations.add(c, new)
