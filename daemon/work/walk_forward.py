"""Tasks of a walk-forward: how many folds there are, one of them, and all of them as one history."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from config.publish import publish_bytes
from daemon.work.bars import stored_bars
from daemon.work.training import trained, training_task
from evaluation.costs import Costs
from evaluation.walk_forward import Fold, WalkForwardValidator, run_fold, stitched

if TYPE_CHECKING:
    from daemon.worker import WorkContext
    from data_pipeline.bars import Bars
    from evaluation.signals import Signals
    from trainers import Model

# What a reader of the run wants to see at once; the rest is in the report.
FIGURES = ("sharpe_ratio", "total_return", "max_drawdown", "trades")


def count_folds(context: WorkContext, args: dict[str, Any]) -> dict[str, Any]:
    """How many folds the stored bars of the symbol hold."""
    return {"folds": len(_validator(context).folds(stored_bars(context.home, context.settings, args["symbol"])))}


def walk_fold(context: WorkContext, args: dict[str, Any]) -> dict[str, Any]:
    """Train and test one fold, unless an earlier walk has kept it."""
    bars = stored_bars(context.home, context.settings, args["symbol"])
    fold = _validator(context).folds(bars)[int(args["iteration"])]
    _said(context, args, bars, fold)
    return fold.to_dict()


def walk_all(context: WorkContext, args: dict[str, Any]) -> dict[str, Any]:
    """Join the folds, what is missing of them included, and write what they would have earned."""
    bars = stored_bars(context.home, context.settings, args["symbol"])
    folds = _validator(context).folds(bars)
    said = [_said(context, {**args, "iteration": fold.number}, bars, fold) for fold in folds]
    costs = context.settings.costs
    found = stitched(bars, folds, said, costs=Costs.of(costs), initial_cash=costs.initial_cash).to_dict()
    subject = {
        "symbol": args["symbol"],
        "model_type": args["model_type"],
        "provenance": training_task(context, args, bars, folds[-1].train).provenance,
        "dataset": bars.fingerprint(),
        "interval": bars.interval,
        "walk_forward": context.settings.walk_forward.model_dump(mode="json"),
    }
    path = context.home.report(args["run"], args["symbol"]) / args["model_type"] / "walk_forward.json"
    document = {"subject": subject, "created_at": context.now().isoformat(), **found}
    publish_bytes(path, json.dumps(document, allow_nan=False, indent=2).encode())
    figures = {name: found["metrics"][name] for name in FIGURES}
    told = {"provenance": subject["provenance"], "folds": len(folds), "report": context.home.relative(path)}
    return told | figures


def _validator(context: WorkContext) -> WalkForwardValidator:
    return WalkForwardValidator(**context.settings.walk_forward.model_dump())


def _said(context: WorkContext, args: dict[str, Any], bars: Bars, fold: Fold) -> Signals:
    """A fold's signals; its model may see the bars before its training span too, so that its indicators are warm."""
    task = training_task(context, args, bars, fold.train)

    def fit(_train: Bars, _fold: Fold) -> Model:
        return trained(context, args, task, bars.until(fold.test.last))[0]

    log = task.expert_log.fingerprint() if task.expert_log is not None else None
    about = [args["model_type"], task.params.model_dump(mode="json"), args["seed"], log, version("nightdesk")]
    key = hashlib.sha256(json.dumps(about).encode()).hexdigest()
    return run_fold(bars, fold, fit=fit, folder=context.home.folds(args["symbol"], args["model_type"]), key=key)
