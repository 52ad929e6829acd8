"""After the judgements: compares all models of a subject over the same bars, and recommends one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from daemon.domain.tasks import Document
from daemon.jobs.base import Outcomes, Plan, RunWork
from daemon.jobs.evaluation.messages import ComparedState, ComparedVersion, CompareModelsRequest, CompareSymbolsRequest
from daemon.jobs.records.step import record_ref
from daemon.jobs.serving import record_of
from daemon.store import versions
from daemon.store.versions import Version
from data_pipeline.provenance import Provenance

if TYPE_CHECKING:
    from sqlalchemy import Connection

# So many recipes of a subject at most, those that serve first.
COMPARED = 12
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
    def read(c: Connection) -> list[ComparedVersion]:
        recorded = versions.versions(c, subject)
        fit = [version for version in recorded if version.state in STATES]
        configured = [version for version in fit if version.model_type in work.settings.model_types]
        rows = [_compared(c, version) for version in comparable_versions(configured)]
        return [row for row in rows if row is not None]

    compared = await work.read(read)
    if not compared:
        return None
    return CompareModelsRequest(run=work.run.name, subject=subject, versions=tuple(compared))


def _compared(c: Connection, version: Version) -> ComparedVersion | None:
    """A version with the record of its recipe; None where there is none, or it is not looked at any more."""
    row = record_of(c, version)
    if row is None or not row.in_use:
        return None
    return ComparedVersion(
        model_type=version.model_type,
        name=version.version,
        manifest_sha256=version.manifest_sha256,
        state=cast("ComparedState", version.state),  # one of STATES
        record=record_ref(c, row),
    )


def comparable_versions(newest_first: list[Version]) -> list[Version]:
    """The newest version of each recipe, of one provenance, that of the champions; and all champions of it."""
    if not newest_first:
        return []
    serving = [version for version in newest_first if version.state == "champion"]
    provenance = Provenance.parse((serving or newest_first)[0].provenance)
    newest: dict[tuple[str, str | None], Version] = {}
    for version in (*serving, *newest_first):  # of a recipe that serves, the version that does
        if Provenance.parse(version.provenance).comparable(provenance):
            newest.setdefault((version.model_type, version.recipe), version)
    return list(newest.values())[:COMPARED]
