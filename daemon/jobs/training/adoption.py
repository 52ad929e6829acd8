"""Model versions without a row: published by a run that was killed before it could record them."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from daemon.artifacts.base import ArtifactName
from daemon.executors.base import Outcome
from daemon.jobs.base import Plan, RunWork
from daemon.jobs.training.messages import InspectRequest, TrainRequest, VersionFacts
from daemon.store import records, versions

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection


async def adopt_strays(work: RunWork) -> dict[str, str]:
    """Whole and proved: adopted as a challenger. Anything else: into quarantine. The champion is not touched."""
    stored = await asyncio.to_thread(lambda: set(work.artifacts.list()))
    recorded = await work.read(
        lambda c: {ArtifactName(v.subject, v.model_type, v.version) for v in versions.versions(c)}
    )
    strays = [
        InspectRequest(subject=name.subject, model_type=name.model_type, version=name.version)
        for name in sorted(stored - recorded)
    ]
    if not strays:
        return {}
    plans = {Plan(stray): stray for stray in strays}
    outcomes = await work.do_all(plans)
    return {
        f"{stray.label}/{stray.version}": await _settle(work, stray, outcomes[plan]) for plan, stray in plans.items()
    }


async def _settle(work: RunWork, stray: InspectRequest, outcome: Outcome[VersionFacts]) -> str:
    if outcome.value is not None:
        await record_version(work, stray, outcome.value)
        return "adopted"
    if outcome.state != "failed":
        return outcome.state
    name = ArtifactName(stray.subject, stray.model_type, stray.version)
    await asyncio.to_thread(work.artifacts.set_aside, name)
    error = outcome.error.document() if outcome.error else None
    work.log.write("error", "model.quarantined", model=stray.label, version=stray.version, error=error)
    return "quarantined"


async def record_version(work: RunWork, request: TrainRequest | InspectRequest, facts: VersionFacts) -> None:
    """Keep a version that is whole on disk as a challenger, and begin the record of its recipe: it was tried."""
    new = versions.NewVersion(
        subject=request.subject,
        model_type=request.model_type,
        version=request.version,
        manifest_sha256=facts.manifest_sha256,
        recipe=facts.recipe,
        seed=facts.seed,
        provenance=facts.provenance.label,
        dataset=facts.dataset,
        train_start=facts.train_start,
        train_end=facts.train_end,
        trained_at=facts.trained_at,
        run_id=work.run.id,
        metrics=facts.metrics,
    )
    await work.write(partial(_record, new=new, facts=facts, now=work.clock.now()))


def _record(c: Connection, new: versions.NewVersion, facts: VersionFacts, now: datetime) -> None:
    versions.add_version(c, new)
    if facts.recipe is None or facts.window is None:
        return
    progress = records.RecordProgress(
        subject=new.subject,
        model_type=new.model_type,
        recipe=facts.recipe,
        provenance=new.provenance,
        params=facts.params,
        seed=facts.seed,
        window=facts.window,
        run_id=new.run_id,
        folds=0,
        missing=0,
        restarted=0,
        facts=None,
    )
    records.begin(c, progress, now)
