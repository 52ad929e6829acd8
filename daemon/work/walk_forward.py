"""Tasks of a walk-forward: how many folds there are, one of them, and all of them as one history."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from typing import TYPE_CHECKING

from config.publish import publish_bytes
from daemon.jobs.walk_forward.messages import CountFoldsResult, WalkFoldResult, WalkForwardResult
from daemon.work.bars import stored_bars
from daemon.work.training import Recipe, trained, training_task
from evaluation.costs import Costs
from evaluation.walk_forward import Fold, WalkForwardValidator, run_fold, stitched

if TYPE_CHECKING:
    from daemon.jobs.walk_forward.messages import CountFoldsRequest, JoinFoldsRequest, WalkFoldRequest
    from daemon.worker import WorkContext
    from data_pipeline.bars import Bars
    from evaluation.signals import Signals
    from trainers import Model


def count_folds(context: WorkContext, request: CountFoldsRequest) -> CountFoldsResult:
    """How many folds the stored bars of the subject hold."""
    bars = stored_bars(context.home, context.settings, request.subject)
    return CountFoldsResult(folds=len(_validator(context).folds(bars)))


def walk_fold(context: WorkContext, request: WalkFoldRequest) -> WalkFoldResult:
    """Train and test one fold, unless an earlier walk has kept it."""
    bars = stored_bars(context.home, context.settings, request.subject)
    fold = _validator(context).folds(bars)[request.iteration]
    _signals(context, Recipe.of(request), bars, fold)
    return WalkFoldResult(train=str(fold.train), test=str(fold.test))


def join_folds(context: WorkContext, request: JoinFoldsRequest) -> WalkForwardResult:
    """Join the folds, those that are missing included, and write what they would have earned."""
    bars = stored_bars(context.home, context.settings, request.subject)
    folds, recipe = _validator(context).folds(bars), Recipe.of(request)
    signals = [_signals(context, recipe, bars, fold) for fold in folds]
    costs = context.settings.costs
    walk = stitched(bars, folds, signals, costs=Costs.of(costs), initial_cash=costs.initial_cash).to_dict()
    provenance = training_task(context, recipe, bars, folds[-1].train).provenance
    subject = {
        "symbol": request.subject,
        "model_type": request.model_type,
        "provenance": provenance,
        "dataset": bars.fingerprint(),
        "interval": bars.interval,
        "walk_forward": context.settings.walk_forward.model_dump(mode="json"),
    }
    path = context.home.report(request.run, request.subject) / request.model_type / "walk_forward.json"
    document = {"subject": subject, "created_at": context.now().isoformat(), **walk}
    publish_bytes(path, json.dumps(document, allow_nan=False, indent=2).encode())
    metrics = walk["metrics"]
    return WalkForwardResult(
        provenance=provenance,
        folds=len(folds),
        report=context.home.relative(path),
        sharpe_ratio=metrics["sharpe_ratio"],
        total_return=metrics["total_return"],
        max_drawdown=metrics["max_drawdown"],
        trades=metrics["trades"],
    )


def _validator(context: WorkContext) -> WalkForwardValidator:
    return WalkForwardValidator(**context.settings.walk_forward.model_dump())


def _signals(context: WorkContext, recipe: Recipe, bars: Bars, fold: Fold) -> Signals:
    """A fold's signals; its model may see the bars before its training span too, so that its indicators are warm."""
    task = training_task(context, recipe, bars, fold.train)

    def fit(_train: Bars, _fold: Fold) -> Model:
        return trained(context, recipe, task, bars.until(fold.test.last), trial=fold.number)[0]

    log = task.expert_log.fingerprint() if task.expert_log is not None else None
    identity = [recipe.model_type, task.params.model_dump(mode="json"), recipe.seed, log, version("nightdesk")]
    key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
    folder = context.home.folds(recipe.subject, recipe.model_type)
    return run_fold(bars, fold, fit=fit, folder=folder, key=key)
