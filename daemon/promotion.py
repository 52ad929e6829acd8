"""Promotion: what a verdict does to the serving ledger, in one transaction with its record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from daemon.store import models
from daemon.store.models import Version


@dataclass(frozen=True)
class Finding:
    """What the unseen bars said of one version."""

    metrics: dict[str, Any]
    verdict: str
    reasons: list[str]


@dataclass(frozen=True)
class Judgement:
    """A candidate judged on unseen bars, by a worker that loaded it and reproduced its golden predictions."""

    run_id: int
    candidate: Version
    champion: Version | None  # who serves now
    found: Finding  # of the candidate
    beside: Finding | None  # of the champion on the same bars, if the two may be compared
    dataset: str
    first: datetime
    last: datetime
    report: str


def makes_up_its_expert(candidate: Version, champion: Version | None) -> bool:
    """Whether a clone of the sample expert asks for the place of one that learned from a real one on these bars."""
    return champion is not None and candidate.provenance.startswith(f"{champion.provenance}, ")


def settle(c: Connection, judgement: Judgement, now: datetime) -> bool:
    """Record the judgement; a better challenger serves from now on, any other is rejected. Returns whether it serves.

    A champion that stood beside is recorded too, so that its figures are of this night and not of its promotion.
    The champion may have changed since the judgement began: then the challenger stays one, to be judged again.
    """
    candidate, champion = judgement.candidate, judgement.champion
    rival = champion if judgement.beside is not None else None
    _record(c, judgement, candidate, judgement.found, now, rival=rival)
    if rival is not None and judgement.beside is not None:
        _record(c, judgement, rival, judgement.beside, now)
    if champion is not None and champion.id == candidate.id:
        return False
    serving = models.champion(c, candidate.subject, candidate.model_type)
    if (serving and serving.id) != (champion and champion.id):
        return False
    if judgement.found.verdict != "better":
        models.set_state(c, candidate.id, "rejected", ("challenger",))
        return False
    against = f"version {rival.version}" if rival is not None else "staying in cash"
    return models.serve(
        c,
        candidate.subject,
        candidate.model_type,
        candidate.id,
        now,
        why=f"better than {against} on unseen bars: {', '.join(judgement.found.reasons)}"[:255],
        who=f"evaluation run {judgement.run_id}",
    )


def _record(
    c: Connection,
    judgement: Judgement,
    version: Version,
    found: Finding,
    now: datetime,
    *,
    rival: Version | None = None,
) -> None:
    new = models.NewEvaluation(
        run_id=judgement.run_id,
        version_id=version.id,
        champion_id=rival.id if rival is not None else None,
        dataset=judgement.dataset,
        first=judgement.first,
        last=judgement.last,
        evaluated_at=now,
        metrics=found.metrics,
        verdict=found.verdict,
        reasons=found.reasons,
        report=judgement.report,
    )
    models.add_evaluation(c, new)
