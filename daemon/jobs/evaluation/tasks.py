"""The task that judges a version by the record of its recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.errors import NightdeskError
from config.names import is_trader_subject
from daemon.domain.metrics import Metrics
from daemon.domain.recipes import Recipe
from daemon.jobs.evaluation.messages import EvaluateResult
from daemon.jobs.evaluation.new_files import refuse_existing
from daemon.jobs.records.keeping import RecordKeeper
from daemon.jobs.records.rehearsals import rehearsed
from daemon.jobs.versions import inputs_of, judged_version, loaded, proved, refuse_other_bars
from data_pipeline.provenance import Provenance
from evaluation import judges
from evaluation.judges.base import Case
from evaluation.reports.report import REPORT
from evaluation.reports.schema import Subject
from trainers import registry

if TYPE_CHECKING:
    from daemon.executors.worker.main import WorkContext
    from daemon.jobs.evaluation.messages import EvaluateRequest
    from daemon.jobs.records.messages import RecordRef
    from data_pipeline.inputs import Inputs
    from evaluation.judges.base import JudgedRecord
    from evaluation.records.continuity import Likeness
    from trainers.artifact import Artifact


def evaluate(context: WorkContext, request: EvaluateRequest) -> EvaluateResult:
    """Judge the version in its case and write the report; no pointer is moved.

    It must reproduce its golden predictions. The champion is taken as it decides now: where a library has changed since
    its training, what it would decide tomorrow is what its successor has to continue.
    """
    context.progress(0.0, "loading")
    folder = context.home.report(request.run, request.subject) / request.model_type / request.challenger.name
    refuse_existing(context.home, folder / REPORT)
    challenger = proved(context.home, request.subject, request.model_type, request.challenger)
    inputs = inputs_of(context, request.subject, request.model_type)
    refuse_other_bars(challenger.manifest, inputs)
    champion = loaded(context.home, request.subject, request.model_type, request.champion) if request.champion else None
    context.progress(0.2, "gathering evidence")
    judgement = judges.get(registry.get(request.model_type).judge).judge(
        Case(
            kind=request.case,
            inputs=inputs,
            challenger=judged_version(context, challenger, inputs),
            record=_record(context, request, request.record),
            standing=request.record.standing,
            sentence=request.record.sentence,
            settings=context.settings,
            champion=judged_version(context, champion, inputs) if champion is not None else None,
            champion_record=_record(context, request, request.champion_record) if request.champion_record else None,
            rehearsals=_rehearsals(context, request, challenger, champion),
            challenges=request.challenges,
            tried=request.tried,
            sample_teacher=request.sample_teacher,
            pinned=request.pinned,
        )
    )
    context.progress(0.6, "writing the report")
    judgement.write_report(folder, _subject(challenger, champion, inputs), context.now())
    return EvaluateResult(
        dataset=inputs.dataset,
        first=judgement.first,
        last=judgement.last,
        report=context.home.relative(folder),
        metrics=Metrics.of(judgement.metrics),
        outcome=judgement.verdict.outcome,
        reasons=judgement.verdict.reasons,
        note=judgement.verdict.note,
    )


def _record(context: WorkContext, request: EvaluateRequest, reference: RecordRef) -> JudgedRecord:
    recipe = Recipe(request.subject, request.model_type, reference.params, reference.seed, reference.window)
    record = RecordKeeper(context, recipe).record(reference.published)
    if record is None:
        unit, cure = (
            ("markets", "Let data_updates pull more logs of markets that are over.")
            if is_trader_subject(request.subject)
            else ("bars", "Pull a longer history, or lower walk_forward.train.")
        )
        raise NightdeskError(
            "evaluation.too_short",
            f"The history of {request.subject} holds no fold of a record: too few {unit} to train on and test after.",
            cure,
        )
    return record


def _rehearsals(
    context: WorkContext, request: EvaluateRequest, challenger: Artifact, champion: Artifact | None
) -> list[Likeness]:
    """The rehearsals of retrainings as many bars apart as these two are."""
    if request.case != "refresh" or champion is None:
        return []
    keeper = RecordKeeper(context, request.recipe)
    ours, theirs = challenger.manifest.train_end, champion.manifest.train_end
    lag = len(keeper.inputs.until(ours)) - len(keeper.inputs.until(theirs))
    return rehearsed(keeper, lag, ours) if lag > 0 else []


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
