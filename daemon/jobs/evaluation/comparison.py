"""After the judgements: compares all models of a subject over the same bars, and recommends one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from daemon.domain.tasks import Document
from daemon.jobs.base import Outcomes, Plan, RunWork
from daemon.jobs.evaluation.messages import ComparedState, ComparedVersion, CompareModelsRequest, CompareSymbolsRequest
from daemon.store import versions
from daemon.store.versions import Version
from data_pipeline.provenance import Provenance

# The newest of a subject's versions, and its champions.
COMPARED = 8
STATES: tuple[ComparedState, ...] = ("champion", "challenger", "retired", "rejected")


async def compare_models(work: RunWork, subjects: Iterable[str]) -> tuple[Outcomes, dict[str, Document]]:
    """A task for each subject, and one that joins them; how they ended, and what they recommend, by subject."""
    requests = [await _request(work, subject) for subject in subjects]
    plans = [Plan(request) for request in requests if request is not None]
    outcomes = await work.do_all(plans)
    comparisons = {plan.target.subject: result.document() for plan, result in outcomes.results(plans)}
    if comparisons:
        joint = Plan(CompareSymbolsRequest(run=work.run.name, subjects=tuple(comparisons)))
        outcomes |= Outcomes({joint: await work.do(joint)})
    return outcomes, comparisons


async def _request(work: RunWork, subject: str) -> CompareModelsRequest | None:
    recorded = await work.read(lambda c: versions.versions(c, subject))
    fit = [version for version in recorded if version.state in STATES]
    compared = comparable_versions([version for version in fit if version.model_type in work.settings.model_types])
    if not compared:
        return None
    provenance = Provenance.parse(compared[0].provenance)
    return CompareModelsRequest(
        run=work.run.name,
        subject=subject,
        provenance=provenance,
        versions=tuple(map(_compared, compared)),
        tried=sum(Provenance.parse(version.provenance).comparable(provenance) for version in recorded),
    )


def _compared(version: Version) -> ComparedVersion:
    return ComparedVersion(
        model_type=version.model_type,
        name=version.version,
        manifest_sha256=version.manifest_sha256,
        state=cast("ComparedState", version.state),  # one of STATES
    )


def comparable_versions(newest_first: list[Version]) -> list[Version]:
    """The newest of one provenance, that of the champions, and all champions of it; others cannot be compared."""
    if not newest_first:
        return []
    serving = [version for version in newest_first if version.state == "champion"]
    provenance = Provenance.parse((serving or newest_first)[0].provenance)
    alike = [version for version in newest_first if Provenance.parse(version.provenance).comparable(provenance)]
    return [version for place, version in enumerate(alike) if place < COMPARED or version.state == "champion"]
