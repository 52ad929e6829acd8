"""Promotion: what a verdict does to the serving ledger, in one transaction with its record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from daemon.store import models
from daemon.store.models import Version


@dataclass(frozen=True)
class Judgement:
    """A candidate judged on unseen bars, by a worker that loaded it and reproduced its golden predictions."""

    run_id: int
    candidate: Version
    champion: Version | None  # who serves now
    rival: Version | None  # the champion, if the two may be compared
    dataset: str
    first: datetime
    last: datetime
    metrics: dict[str, Any]
    verdict: str
    reasons: tuple[str, ...]
    report: str


def settle(c: Connection, judgement: Judgement, now: datetime) -> bool:
    """Record the judgement; a better challenger serves from now on, any other is rejected. Returns whether it serves.

    The champion may have changed since the judgement began: then the challenger stays one, to be judged again.
    """
    candidate, champion = judgement.candidate, judgement.champion
    measured_alone = champion is not None and champion.id == candidate.id
    models.add_evaluation(
        c,
        run_id=judgement.run_id,
        version_id=candidate.id,
        champion_id=judgement.rival.id if judgement.rival is not None else None,
        dataset=judgement.dataset,
        first=judgement.first,
        last=judgement.last,
        evaluated_at=now,
        metrics=judgement.metrics,
        verdict=judgement.verdict,
        reasons=list(judgement.reasons),
        report=judgement.report,
    )
    if measured_alone:
        return False
    serving = models.champion(c, candidate.symbol, candidate.model_type)
    if (serving and serving.id) != (champion and champion.id):
        return False
    if judgement.verdict != "better":
        models.set_state(c, candidate.id, "rejected", ("challenger",))
        return False
    against = f"version {judgement.rival.version}" if judgement.rival is not None else "staying in cash"
    return models.serve(
        c,
        candidate.symbol,
        candidate.model_type,
        candidate.id,
        now,
        why=f"better than {against} on unseen bars: {', '.join(judgement.reasons)}"[:255],
        who=f"evaluation run {judgement.run_id}",
    )
