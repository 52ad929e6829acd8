"""Tasks of a walk-forward: how many folds there are, one of them, and all of them as one history."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from config.publish import publish_bytes
from daemon.work.training import trained, training_task, whole_inputs
from evaluation.costs import Costs
from evaluation.walk_forward import Fold, WalkForwardValidator, run_fold, stitched

if TYPE_CHECKING:
    from collections.abc import Mapping

    from daemon.worker import WorkContext
    from data_pipeline.inputs import Inputs
    from evaluation.signals import Signals
    from trainers import Model

# What a reader of the run wants to see at once; the rest is in the report.
FIGURES = ("sharpe_ratio", "total_return", "max_drawdown", "trades")


def count_folds(context: WorkContext, args: dict[str, Any]) -> dict[str, Any]:
    """How many folds the stored inputs of the subject hold."""
    inputs = whole_inputs(context, args["symbol"], args["model_type"])
    return {"folds": len(_validator(context).folds(inputs))}


def walk_fold(context: WorkContext, args: dict[str, Any]) -> dict[str, Any]:
    """Train and test one fold, unless an earlier walk has stored it."""
    inputs = whole_inputs(context, args["symbol"], args["model_type"])
    fold = _validator(context).folds(inputs)[int(args["iteration"])]
    _signals(context, args, inputs, fold)
    return fold.to_dict()


def walk_all(context: WorkContext, args: dict[str, Any]) -> dict[str, Any]:
    """Join the folds, what is missing of them included, and write what they would have earned."""
    inputs = whole_inputs(context, args["symbol"], args["model_type"])
    folds = _validator(context).folds(inputs)
    decided = [_signals(context, {**args, "iteration": fold.number}, inputs, fold) for fold in folds]
    costs = context.settings.costs
    walks = stitched(inputs, folds, decided, costs=Costs.of(costs), initial_cash=costs.initial_cash)
    found = walks[args["symbol"]].to_dict()
    subject = {
        "symbol": args["symbol"],
        "model_type": args["model_type"],
        "provenance": training_task(context, args, inputs, folds[-1].train).provenance,
        "dataset": inputs.dataset,
        "interval": inputs.bars[args["symbol"]].interval,
        "walk_forward": context.settings.walk_forward.model_dump(mode="json"),
    }
    path = context.home.result(args["run"]) / args["symbol"] / args["model_type"] / "walk_forward.json"
    document = {"subject": subject, "created_at": context.now().isoformat(), **found}
    publish_bytes(path, json.dumps(document, allow_nan=False, indent=2).encode())
    figures = {name: found["metrics"][name] for name in FIGURES}
    told = {"provenance": subject["provenance"], "folds": len(folds), "report": context.home.relative(path)}
    return told | figures


def _validator(context: WorkContext) -> WalkForwardValidator:
    return WalkForwardValidator(**context.settings.walk_forward.model_dump())


def _signals(context: WorkContext, args: dict[str, Any], inputs: Inputs, fold: Fold) -> Mapping[str, Signals]:
    """A fold's signals; its model may see what came before its training span too, so that its features are warm."""
    task = training_task(context, args, inputs, fold.train)

    def fit(_train: Inputs, _fold: Fold) -> Model:
        return trained(context, args, task, inputs.until(fold.test.last))[0]

    logs = {name: log.fingerprint() for name, log in task.inputs.expert_logs.items()}
    content = [args["model_type"], task.params.model_dump(mode="json"), args["seed"], logs, version("nightdesk")]
    key = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    return run_fold(inputs, fold, fit=fit, folder=context.home.folds(args["symbol"], args["model_type"]), key=key)
