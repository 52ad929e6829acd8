"""Tasks that keep records: extend one by some folds, and rehearse a retraining."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.domain.metrics import Metrics
from daemon.jobs.records.keeping import RecordKeeper
from daemon.jobs.records.messages import RecordFacts, RecordResult, RehearseResult
from daemon.jobs.records.rehearsals import forget_rehearsals, next_lag, rehearse_missing
from daemon.jobs.trainings import provenance_of

if TYPE_CHECKING:
    from daemon.executors.worker.main import WorkContext
    from daemon.jobs.records.messages import RecordRequest, RehearseRequest
    from evaluation.walk_forward import Fold


def extend_record(context: WorkContext, request: RecordRequest) -> RecordResult:
    """Compute the newest missing folds, then test the record as far as it reaches."""
    keeper = RecordKeeper(context, request.recipe)
    restarted = keeper.store.forget_revised(keeper.inputs, keeper.folds)
    if restarted:  # what retrainings on another past changed says nothing of tonight's
        forget_rehearsals(keeper)
    missing = keeper.missing()
    todo = [fold for fold in missing if not request.first_look or _in_first_look(keeper, fold)][: request.at_most]
    fitted = 0
    for done, fold in enumerate(todo):
        context.progress(done / (len(todo) + 1), f"fold of {fold.test.first:%Y-%m-%d} to {fold.test.last:%Y-%m-%d}")
        fitted += keeper.compute(fold)
    context.progress(len(todo) / (len(todo) + 1), "testing the record")
    return RecordResult(
        provenance=provenance_of(context, keeper.inputs),
        dataset=keeper.inputs.for_decisions().dataset,
        folds=len(keeper.folds),
        missing=len(missing) - len(todo),
        computed=len(todo),
        fitted=fitted,
        restarted=restarted,
        facts=_facts(keeper, request),
    )


def _in_first_look(keeper: RecordKeeper, fold: Fold) -> bool:
    """Whether a fold tests bars of the newest part of the history, by which a recipe is looked at first."""
    times, holdout = keeper.inputs.times, keeper.context.settings.training_params.holdout
    window = times[times >= times[-1] - keeper.recipe.lookback]
    first = window[-max(1, round(len(window) * holdout))]
    return bool(fold.test.last >= first)


def _facts(keeper: RecordKeeper, request: RecordRequest) -> RecordFacts | None:
    record = keeper.record(request.published)
    if record is None:
        return None
    assessment = keeper.judge.assess(record, keeper.context.settings, tried=request.tried, seed=keeper.recipe.seed)
    live_from = record.live_from
    since = record.since(live_from) if live_from is not None else None
    before = record.before(live_from) if live_from is not None else record
    return RecordFacts(
        first=record.first,
        last=record.last,
        evidence=assessment.evidence,
        figures=assessment.figures,
        metrics=Metrics.of(record.metrics()),
        on_history=Metrics.of(before.metrics()) if before is not None else None,
        since_live=Metrics.of(since.metrics()) if since is not None else None,
        live_from=live_from,
    )


def rehearse(context: WorkContext, request: RehearseRequest) -> RehearseResult:
    """Train the recipe at earlier dates, and store how alike models so far apart decide."""
    keeper = RecordKeeper(context, request.recipe)
    rehearsals, missing = rehearse_missing(keeper, next_lag(keeper, request.serving_until, request.trained_until))
    return RehearseResult(rehearsals=rehearsals, missing=missing)
