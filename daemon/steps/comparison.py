"""After the judgements: every model of a symbol beside every other, over the same bars, and what to rely on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from daemon.executors.base import Outcome
from daemon.steps.base import Plan, RunWork
from daemon.store import models
from daemon.store.models import Version, VersionState

# The newest of a symbol's versions, and whoever serves.
COMPARED = 8
STATES: tuple[VersionState, ...] = ("champion", "challenger", "retired", "rejected")


async def compare_models(work: RunWork, subjects: Iterable[str]) -> tuple[dict[Plan, Outcome], dict[str, Any]]:
    """A task for each subject, and one that joins them; how they ended, and what they recommend, by subject."""
    plans = [plan for subject in subjects if (plan := await _plan(work, subject)) is not None]
    outcomes = await work.do_all(plans)
    found = {plan.subject: outcome.value for plan, outcome in outcomes.items() if outcome.value is not None}
    if found:
        joint = Plan("compare_symbols", {"run": work.run.name, "symbols": list(found)})
        outcomes[joint] = await work.do(joint)
    return outcomes, found


async def _plan(work: RunWork, subject: str) -> Plan | None:
    known = await work.read(lambda c: models.versions(c, subject))
    fit = [version for version in known if version.state in STATES]
    compared = chosen([version for version in fit if version.model_type in work.settings.model_types])
    if not compared:
        return None
    versions = [
        {
            "model_type": version.model_type,
            "version": version.version,
            "manifest_sha256": version.manifest_sha256,
            "state": version.state,
        }
        for version in compared
    ]
    provenance = compared[0].provenance
    tried = sum(version.provenance == provenance for version in known)
    args = {"run": work.run.name, "provenance": provenance, "versions": versions, "tried": tried}
    return Plan("compare_models", args, subject)


def chosen(newest_first: list[Version]) -> list[Version]:
    """The newest of one provenance, that of who serves, and all of it who serve; other kinds of truth are no rivals."""
    serving = [version for version in newest_first if version.state == "champion"]
    provenance = (serving or newest_first)[0].provenance if newest_first else None
    alike = [version for version in newest_first if version.provenance == provenance]
    return [version for place, version in enumerate(alike) if place < COMPARED or version.state == "champion"]
