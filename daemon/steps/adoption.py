"""Model folders that no row knows: published by a run that was killed before it could record them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

from config.names import subject_folder
from config.paths import Home
from daemon.executors.base import Outcome
from daemon.steps.base import Plan, RunWork
from daemon.store import models


async def adopt_strays(work: RunWork) -> dict[str, str]:
    """Whole and proved: adopted as a challenger. Anything else: into quarantine. The champion is not touched."""
    on_disk = await asyncio.to_thread(lambda: work.home.versions)
    known = await work.read(lambda c: {(v.subject, v.model_type, v.version) for v in models.versions(c)})
    strays = [Plan("inspect", {"version": v}, s, m) for s, m, v in sorted(on_disk - known)]
    if not strays:
        return {}
    outcomes = await work.do_all(strays)
    return {f"{plan.label}/{plan.args['version']}": await _settle(work, plan, end) for plan, end in outcomes.items()}


async def _settle(work: RunWork, plan: Plan, outcome: Outcome) -> str:
    if outcome.value is not None:
        await record_version(work, plan, outcome.value)
        return "adopted"
    if outcome.state != "failed":
        return outcome.state
    await asyncio.to_thread(_quarantine, work.home, plan)
    work.log.write("error", "model.quarantined", model=plan.label, version=plan.args["version"], error=outcome.error)
    return "quarantined"


def _quarantine(home: Home, plan: Plan) -> Path:
    folder = home.model(plan.subject, plan.model_type, plan.args["version"])
    target = home.models_quarantine / f"{subject_folder(plan.subject)}-{plan.model_type}-{plan.args['version']}"
    target.parent.mkdir(parents=True, exist_ok=True)
    return folder.rename(target)


async def record_version(work: RunWork, plan: Plan, made: dict[str, Any]) -> None:
    """Keep a version that is whole on disk as a challenger."""
    new = models.NewVersion(
        subject=plan.subject,
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
    await work.write(lambda c: models.add_version(c, new))
