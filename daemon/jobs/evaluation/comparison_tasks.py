"""Tasks that compare models: all versions of one subject, then the comparisons of all subjects on one page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from config.errors import NightdeskError
from daemon.artifacts.base import ArtifactName
from daemon.domain.recipes import Recipe
from daemon.jobs.evaluation.messages import CompareModelsResult, CompareSymbolsResult
from daemon.jobs.evaluation.new_files import refuse_existing
from daemon.jobs.records.keeping import RecordKeeper
from data_pipeline.provenance import Provenance
from evaluation.accounting.backtest import backtest
from evaluation.accounting.costs import Costs
from evaluation.reports.comparison import COMPARISON, ComparedVersion, compare, read_comparison, write_comparison
from trainers.manifest import read_manifest

if TYPE_CHECKING:
    from daemon.executors.worker.main import WorkContext
    from daemon.jobs.evaluation.messages import CompareModelsRequest, CompareSymbolsRequest
    from evaluation.records.record import Record


def compare_models(context: WorkContext, request: CompareModelsRequest) -> CompareModelsResult:
    """Compare the records over the bars that all have; one that cannot be read is left out, with the reason."""
    symbol = request.subject
    records, left_out = _records(context, request)
    if not records:
        missing = " ".join(f"{name}: {why}" for name, why in left_out.items())
        raise NightdeskError("comparison.nothing", f"{symbol} has no record. {missing}".strip(), "Train a model.")
    first = max(record.signals.index[0] for record in records.values())
    bars = next(iter(records.values())).bars.since(first)
    index = bars.frame.index
    targets = {contender.name: record.signals.position.loc[first:] for contender, record in records.items()}
    held = {"buy_and_hold": pd.Series(1.0, index=index), "flat": pd.Series(0.0, index=index)}
    costs = context.settings.costs
    tests = backtest(bars, {**targets, **held}, costs=Costs.of(costs), initial_cash=costs.initial_cash)
    comparison = compare(
        symbol,
        Provenance.joint(_provenances(context, request)),
        {contender: tests[contender.name] for contender in records},
        {name: tests[name] for name in held},
        left_out=left_out,
    )
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
) -> tuple[dict[ComparedVersion, Record], dict[str, str]]:
    """The record of each version, and why others have none."""
    records, left_out = {}, {}
    for version in request.versions:
        reference = version.record
        contender = ComparedVersion(
            version.model_type, version.name, version.state, reference.standing, reference.sentence
        )
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
    return records, left_out


def compare_symbols(context: WorkContext, request: CompareSymbolsRequest) -> CompareSymbolsResult:
    """Join the comparisons of these subjects, which `compare_models` has written in this run."""
    folder = context.home.result(request.run)
    refuse_existing(context.home, folder / COMPARISON)
    comparisons = [
        read_comparison(context.home.report(request.run, subject) / COMPARISON) for subject in request.subjects
    ]
    write_comparison(folder, [symbol for each in comparisons for symbol in each.symbols], context.now())
    return CompareSymbolsResult(report=context.home.relative(folder))
