"""Tasks that compare models: all versions of one subject, then the comparisons of all subjects on one page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from config.errors import NightdeskError
from daemon.artifacts.base import ArtifactName
from daemon.domain.recipes import Recipe
from daemon.jobs.evaluation.messages import CompareModelsResult, CompareSymbolsResult
from daemon.jobs.evaluation.new_files import refuse_existing
from daemon.jobs.records.keeping import RecordKeeper
from data_pipeline.provenance import Provenance
from evaluation import judges
from evaluation.reports.comparison import COMPARISON, ComparedVersion, read_comparison, write_comparison
from trainers import registry
from trainers.manifest import read_manifest

if TYPE_CHECKING:
    from daemon.executors.worker.main import WorkContext
    from daemon.jobs.evaluation.messages import CompareModelsRequest, CompareSymbolsRequest
    from evaluation.judges.base import Judge, JudgedRecord


def compare_models(context: WorkContext, request: CompareModelsRequest) -> CompareModelsResult:
    """Compare the records over the bars that all have; one that cannot be read is left out, with the reason."""
    symbol = request.subject
    judge, records, left_out = _records(context, request)
    if not records:
        missing = " ".join(f"{name}: {why}" for name, why in left_out.items())
        raise NightdeskError("comparison.nothing", f"{symbol} has no record. {missing}".strip(), "Train a model.")
    provenance = Provenance.joint(_provenances(context, request))
    comparison = judge.compare(symbol, provenance, records, left_out, context.settings)
    folder = context.home.report(request.run, symbol)
    refuse_existing(context.home, folder / COMPARISON)
    path = write_comparison(folder, [comparison], context.now())
    return CompareModelsResult(
        models=len(records),
        recommended=comparison.recommended,
        recommendation=comparison.recommendation,
        left_out=left_out,
        report=context.home.relative(path.parent),
    )


def _provenances(context: WorkContext, request: CompareModelsRequest) -> Iterator[Provenance]:
    """The provenance of each version that is compared."""
    for version in request.versions:
        name = ArtifactName(request.subject, version.model_type, version.name)
        yield Provenance.parse(read_manifest(context.artifacts.fetch(name)).provenance)


def _records(
    context: WorkContext, request: CompareModelsRequest
) -> tuple[Judge[Any], dict[ComparedVersion, JudgedRecord], dict[str, str]]:
    """The judge of the first of these versions, the record of each, and why others have none or none like it."""
    by = registry.get(request.versions[0].model_type).judge
    records, left_out = {}, {}
    for version in request.versions:
        reference = version.record
        contender = ComparedVersion(
            version.model_type, version.name, version.state, reference.standing, reference.sentence
        )
        if registry.get(version.model_type).judge != by:
            left_out[contender.name] = "its record cannot be compared with these: it is judged by other figures"
            continue
        recipe = Recipe(request.subject, version.model_type, reference.params, reference.seed, reference.window)
        try:
            record = RecordKeeper(context, recipe).record(reference.published)
        except NightdeskError as error:
            left_out[contender.name] = error.message
        else:
            if record is None:
                left_out[contender.name] = "its record has no fold yet"
            else:
                records[contender] = record
    return judges.get(by), records, left_out


def compare_symbols(context: WorkContext, request: CompareSymbolsRequest) -> CompareSymbolsResult:
    """Join the comparisons of these subjects, which `compare_models` has written in this run."""
    folder = context.home.result(request.run)
    refuse_existing(context.home, folder / COMPARISON)
    comparisons = [
        read_comparison(context.home.report(request.run, subject) / COMPARISON) for subject in request.subjects
    ]
    write_comparison(folder, [symbol for each in comparisons for symbol in each.symbols], context.now())
    return CompareSymbolsResult(report=context.home.relative(folder))
