"""Promotion: what a verdict does to the serving ledger, in one transaction with its record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from daemon.jobs.evaluation.messages import FindingInfo
from daemon.store import evaluations, servings, versions
from daemon.store.versions import Version
from data_pipeline.provenance import Provenance


@dataclass(frozen=True)
class Judgement:
    """A candidate judged on unseen bars, by a worker that loaded it and reproduced its golden predictions."""

    run_id: int
    candidate: Version
    champion: Version | None  # who serves now
    finding: FindingInfo  # of the candidate
    champion_finding: FindingInfo | None  # on the same bars, if the two may be compared
    dataset: str
    first: datetime
    last: datetime
    report: str


def made_up_teacher(candidate: Version, champion: Version | None) -> bool:
    """Whether a clone of the sample expert asks for the place of one that learned from a real one on these bars."""
    if champion is None:
        return False
    ours, theirs = Provenance.parse(candidate.provenance), Provenance.parse(champion.provenance)
    return ours.sample_teacher and ours.sources == theirs.sources and not theirs.sample_teacher


def settle(c: Connection, judgement: Judgement, now: datetime) -> bool:
    """Record the judgement; a better challenger serves from now on, any other is rejected. Returns whether it serves.

    A champion that was measured on the same bars is recorded too, so that its metrics are of this night and not of its
    promotion.
    The champion may have changed since the judgement began: then the challenger stays one, to be judged again.
    """
    candidate, champion = judgement.candidate, judgement.champion
    rival = champion if judgement.champion_finding is not None else None
    _record(c, judgement, candidate, judgement.finding, now, rival=rival)
    if rival is not None and judgement.champion_finding is not None:
        _record(c, judgement, rival, judgement.champion_finding, now)
    if champion is not None and champion.id == candidate.id:
        return False
    serving = versions.champion(c, candidate.subject, candidate.model_type)
    if (serving and serving.id) != (champion and champion.id):
        return False
    if judgement.finding.verdict != "better":
        versions.set_state(c, candidate.id, "rejected", ("challenger",))
        return False
    against = f"version {rival.version}" if rival is not None else "staying in cash"
    return servings.serve(
        c,
        candidate.subject,
        candidate.model_type,
        candidate.id,
        now,
        why=f"better than {against} on unseen bars: {', '.join(judgement.finding.reasons)}"[:255],
        author=f"evaluation run {judgement.run_id}",
    )


def _record(
    c: Connection,
    judgement: Judgement,
    version: Version,
    finding: FindingInfo,
    now: datetime,
    *,
    rival: Version | None = None,
) -> None:
    new = evaluations.NewEvaluation(
        run_id=judgement.run_id,
        version_id=version.id,
        champion_id=rival.id if rival is not None else None,
        dataset=judgement.dataset,
        first=judgement.first,
        last=judgement.last,
        evaluated_at=now,
        metrics=finding.metrics.document(),
        verdict=finding.verdict,
        reasons=list(finding.reasons),
        report=judgement.report,
    )
    evaluations.add(c, new)
