"""Tasks that compare models: all versions of one subject, then the comparisons of all subjects on one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from config.errors import NightdeskError
from daemon.jobs.evaluation.messages import CompareModelsResult, CompareSymbolsResult
from daemon.jobs.versions import inputs_of, loaded, refuse_other_bars
from data_pipeline.inputs import Inputs
from data_pipeline.stored_inputs import stored_bars
from evaluation.accounting.backtest import Backtest, backtest
from evaluation.accounting.costs import Costs
from evaluation.judges.base import first_unseen
from evaluation.reports.comparison import COMPARISON, ComparedVersion, compare, read_comparison, write_comparison

if TYPE_CHECKING:
    from daemon.executors.worker.main import WorkContext
    from daemon.jobs.evaluation.messages import CompareModelsRequest, CompareSymbolsRequest
    from data_pipeline.bars.bars import Bars
    from trainers.artifact import Artifact


def compare_models(context: WorkContext, request: CompareModelsRequest) -> CompareModelsResult:
    """Run the versions over bars that no version was trained on; one that cannot run is left out, with the reason."""
    symbol, settings = request.subject, context.settings
    bars = stored_bars(context.home, settings, symbol)
    artifacts, left_out = _loaded(context, request, bars)
    ends = [artifact.manifest.train_end for artifact in artifacts.values()]
    unseen = bars.since(first_unseen(Inputs.of(bars), *ends)) if ends else bars
    index = unseen.frame.index
    targets = {
        contender.name: artifact.model.decide(inputs_of(context, symbol, artifact.manifest.model_type))[symbol].since(
            index[0]
        )
        for contender, artifact in artifacts.items()
    }
    held = {"buy_and_hold": pd.Series(1.0, index=index), "flat": pd.Series(0.0, index=index)}
    costs = settings.costs
    tests = backtest(unseen, {**targets, **held}, costs=Costs.of(costs), initial_cash=costs.initial_cash)
    models: dict[ComparedVersion, Backtest] = {contender: tests[contender.name] for contender in artifacts}
    baselines = {name: tests[name] for name in held}
    comparison = compare(
        symbol,
        request.provenance,
        models,
        baselines,
        settings.promotion,
        versions_tried=request.tried,
        left_out=left_out,
    )
    path = write_comparison(context.home.report(request.run, symbol), [comparison], context.now())
    return CompareModelsResult(
        models=len(models),
        recommended=comparison.recommended,
        recommendation=comparison.recommendation,
        left_out=left_out,
        report=context.home.relative(path.parent),
    )


def _loaded(
    context: WorkContext, request: CompareModelsRequest, bars: Bars
) -> tuple[dict[ComparedVersion, Artifact], dict[str, str]]:
    """The versions that can be run on these bars, and the error of each that cannot."""
    artifacts, left_out = {}, {}
    for version in request.versions:
        contender = ComparedVersion(version.model_type, version.name, version.state)
        try:
            artifact = loaded(context.home, request.subject, version.model_type, version)
            refuse_other_bars(artifact.manifest, Inputs.of(bars))
        except NightdeskError as error:
            left_out[contender.name] = error.message
        else:
            artifacts[contender] = artifact
    return artifacts, left_out


def compare_symbols(context: WorkContext, request: CompareSymbolsRequest) -> CompareSymbolsResult:
    """Join the comparisons of these subjects, which `compare_models` has written in this run."""
    folder = context.home.result(request.run)
    comparisons = [
        read_comparison(context.home.report(request.run, subject) / COMPARISON) for subject in request.subjects
    ]
    write_comparison(folder, [symbol for each in comparisons for symbol in each.symbols], context.now())
    return CompareSymbolsResult(report=context.home.relative(folder))
