"""The task that judges a version: challenger and champion over the same bars, which neither has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.domain.metrics import Metrics
from daemon.jobs.evaluation.messages import EvaluateResult, FindingInfo
from daemon.jobs.versions import inputs_of, judged_version, loaded, proved, refuse_other_bars, speaks_of
from data_pipeline.provenance import Provenance
from evaluation import judges
from evaluation.judges.base import Case, Finding
from evaluation.reports.schema import Subject
from evaluation.statistics.significance import Trials
from trainers import registry

if TYPE_CHECKING:
    from daemon.executors.worker.main import WorkContext
    from daemon.jobs.evaluation.messages import Attempts, EvaluateRequest
    from data_pipeline.inputs import Inputs
    from trainers.artifact import Artifact


def evaluate(context: WorkContext, request: EvaluateRequest) -> EvaluateResult:
    """Judge the challenger against the champion (or against cash) and write the report; no pointer is moved.

    The challenger must reproduce its golden predictions. The champion is taken as it decides now: where a library has
    changed since its training, what it would decide tomorrow is what a challenger has to beat.
    """
    context.progress(0.0, "loading")
    challenger = proved(context.home, request.subject, request.model_type, request.challenger)
    inputs = inputs_of(context, request.subject, challenger.manifest.model_type)
    refuse_other_bars(challenger.manifest, inputs)
    champion = _comparable_champion(context, request, inputs)
    case = Case(
        inputs,
        judged_version(context, challenger, inputs, _trials(request.attempts, challenger)),
        judged_version(context, champion, inputs, _trials(request.attempts, champion))
        if champion is not None
        else None,
        context.settings,
    )
    context.progress(0.2, "backtesting and gathering evidence")
    judgement = judges.get(registry.get(request.model_type).judge).judge(case)
    context.progress(0.6, "writing the report")
    folder = context.home.report(request.run, request.subject) / request.model_type / challenger.manifest.version
    judgement.write_report(folder, _subject(challenger, champion, inputs), context.now())
    return EvaluateResult(
        dataset=inputs.dataset,
        first=judgement.first,
        last=judgement.last,
        report=context.home.relative(folder),
        challenger=_finding(judgement.challenger),
        champion=_finding(judgement.champion) if judgement.champion is not None else None,
    )


def _comparable_champion(context: WorkContext, request: EvaluateRequest, inputs: Inputs) -> Artifact | None:
    """The version that serves, if there is one and these bars are of the kind it was trained on."""
    if request.champion is None:
        return None
    champion = loaded(context.home, request.subject, request.model_type, request.champion)
    return champion if speaks_of(champion.manifest, inputs) else None


def _finding(finding: Finding) -> FindingInfo:
    return FindingInfo(metrics=Metrics.of(finding.metrics), verdict=finding.verdict, reasons=finding.reasons)


def _subject(challenger: Artifact, champion: Artifact | None, inputs: Inputs) -> Subject:
    manifest = challenger.manifest
    return Subject(
        symbol=manifest.subject,
        model_type=manifest.model_type,
        version=manifest.version,
        champion=champion.manifest.version if champion is not None else None,
        provenance=Provenance.parse(manifest.provenance),
        dataset=inputs.dataset,
        interval=next(iter(inputs.bars.values())).interval,
        trained_on=(manifest.train_start.isoformat(), manifest.train_end.isoformat()),
    )


def _trials(attempts: Attempts, artifact: Artifact) -> Trials:
    """The versions among which this one was found, it being one of them."""
    others = {name: sharpe for name, sharpe in attempts.sharpe_ratios.items() if name != artifact.manifest.version}
    return Trials(attempts.count, tuple(others.values()))
