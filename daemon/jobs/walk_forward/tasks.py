"""Tasks of a walk-forward: how many folds there are, one of them, and all of them as one history."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from typing import TYPE_CHECKING

from config.publish import publish_bytes
from daemon.jobs.training.tasks import Recipe, trained, training_task
from daemon.jobs.versions import inputs_of
from daemon.jobs.walk_forward.messages import CountFoldsResult, WalkFoldResult, WalkForwardResult
from data_pipeline.provenance import Provenance
from evaluation.accounting.costs import Costs
from evaluation.walk_forward import Fold, WalkForwardValidator, run_fold, stitched

if TYPE_CHECKING:
    from collections.abc import Mapping

    from daemon.executors.worker.main import WorkContext
    from daemon.jobs.walk_forward.messages import CountFoldsRequest, JoinFoldsRequest, WalkFoldRequest
    from data_pipeline.inputs import Inputs
    from evaluation.signals import Signals
    from trainers import Model


def count_folds(context: WorkContext, request: CountFoldsRequest) -> CountFoldsResult:
    """How many folds the stored inputs of the subject hold."""
    inputs = inputs_of(context, request.subject, request.model_type)
    return CountFoldsResult(folds=len(_validator(context).folds(inputs)))


def walk_fold(context: WorkContext, request: WalkFoldRequest) -> WalkFoldResult:
    """Train and test one fold, unless an earlier walk has kept it."""
    inputs = inputs_of(context, request.subject, request.model_type)
    fold = _validator(context).folds(inputs)[request.iteration]
    _signals(context, Recipe.of(request), inputs, fold)
    return WalkFoldResult(train=str(fold.train), test=str(fold.test))


def join_folds(context: WorkContext, request: JoinFoldsRequest) -> WalkForwardResult:
    """Join the folds, those that are missing included, and write what they would have earned."""
    inputs = inputs_of(context, request.subject, request.model_type)
    folds, recipe = _validator(context).folds(inputs), Recipe.of(request)
    decided = [_signals(context, recipe, inputs, fold) for fold in folds]
    costs = context.settings.costs
    walks = stitched(inputs, folds, decided, costs=Costs.of(costs), initial_cash=costs.initial_cash)
    walk = walks[request.subject].to_dict()
    provenance = Provenance.parse(training_task(context, recipe, inputs, folds[-1].train).provenance)
    subject = {
        "symbol": request.subject,
        "model_type": request.model_type,
        "provenance": provenance.label,
        "dataset": inputs.dataset,
        "interval": inputs.bars[request.subject].interval,
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


def _signals(context: WorkContext, recipe: Recipe, inputs: Inputs, fold: Fold) -> Mapping[str, Signals]:
    """A fold's signals; its model may see what came before its training span too, so that its features are warm."""
    task = training_task(context, recipe, inputs, fold.train)

    def fit(_train: Inputs, _fold: Fold) -> Model:
        return trained(context, recipe, task, inputs.until(fold.test.last), iteration=fold.number)[0]

    logs = {name: log.fingerprint() for name, log in task.inputs.expert_logs.items()}
    content = [recipe.model_type, task.params.model_dump(mode="json"), recipe.seed, logs, version("nightdesk")]
    key = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    folder = context.home.folds(recipe.subject, recipe.model_type)
    return run_fold(inputs, fold, fit=fit, folder=folder, key=key)
