"""Model versions without a row: published by a run that was killed before it could record them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from daemon.artifacts.base import ArtifactName
from daemon.executors.base import Outcome
from daemon.steps.base import Plan, RunWork
from daemon.store import models


async def adopt_strays(work: RunWork) -> dict[str, str]:
    """Whole and proved: adopted as a challenger. Anything else: into quarantine. The champion is not touched."""
    stored = await asyncio.to_thread(lambda: set(work.artifacts.list()))
    recorded = await work.read(lambda c: {ArtifactName(v.symbol, v.model_type, v.version) for v in models.versions(c)})
    strays = [
        Plan("inspect", {"version": name.version}, name.subject, name.model_type) for name in sorted(stored - recorded)
    ]
    if not strays:
        return {}
    outcomes = await work.do_all(strays)
    return {f"{plan.subject}/{plan.args['version']}": await _settle(work, plan, end) for plan, end in outcomes.items()}


async def _settle(work: RunWork, plan: Plan, outcome: Outcome) -> str:
    if outcome.value is not None:
        await record_version(work, plan, outcome.value)
        return "adopted"
    if outcome.state != "failed":
        return outcome.state
    name = ArtifactName(plan.symbol, plan.model_type, plan.args["version"])
    await asyncio.to_thread(work.artifacts.set_aside, name)
    work.log.write("error", "model.quarantined", model=plan.subject, version=plan.args["version"], error=outcome.error)
    return "quarantined"


async def record_version(work: RunWork, plan: Plan, made: dict[str, Any]) -> None:
    """Keep a version that is whole on disk as a challenger."""
    await work.write(
        lambda c: models.add_version(
            c,
            symbol=plan.symbol,
            model_type=plan.model_type,
            version=plan.args["version"],
            manifest_sha256=made["manifest_sha256"],
            provenance=made["provenance"],
            dataset=made["dataset"],
            train_start=datetime.fromisoformat(made["train_start"]),
            train_end=datetime.fromisoformat(made["train_end"]),
            trained_at=datetime.fromisoformat(made["trained_at"]),
            run_id=work.run.id,
            metrics=made["metrics"],
        )
    )
