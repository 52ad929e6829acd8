"""The task that measures conduct: how far a version has moved from its training, and whether it is like its expert."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from config.errors import NightdeskError
from data_pipeline.stored_inputs import stored_bars
from daemon.work.versions import loaded, refuse_other_bars
from data_pipeline.experts import find_expert_log
from data_pipeline.features import feature_matrix
from data_pipeline.trade_logs import label
from evaluation.behaviour import Behaviour, measure_behaviour
from evaluation.drift import Drift, measure_drift, read_reference
from evaluation.signals import Signals
from trainers import registry

if TYPE_CHECKING:
    from daemon.worker import WorkContext
    from data_pipeline.bars import Bars
    from trainers.manifest import Manifest


def conduct(context: WorkContext, args: dict[str, Any]) -> dict[str, Any]:
    """Figures by basis: `evaluation`, what the version says of bars after its training; `live`, what it has said."""
    bars = stored_bars(context.home, context.settings, args["symbol"])
    artifact = loaded(context.home, args, args)
    manifest = artifact.manifest
    refuse_other_bars(manifest, bars)
    again = artifact.model.signals(bars)
    unseen = again.index > manifest.train_end
    bases = {"evaluation": Signals(again.position[unseen], again.confidence[unseen])}
    if args["signals"]:
        bases["live"] = published(args["signals"])
    return {basis: figures(*observed(context, manifest, bars, said)) for basis, said in bases.items()}


def published(signals: list[dict[str, Any]]) -> Signals:
    """What was said of each bar; of several signals about one, the last."""
    times = pd.to_datetime([signal["bar_time"] for signal in signals], utc=True, format="ISO8601").as_unit("ns")
    frame = pd.DataFrame(signals, index=times)[["position", "confidence"]].astype("float64")
    last = frame[~frame.index.duplicated(keep="last")].sort_index()
    return Signals(last["position"], last["confidence"])


def observed(context: WorkContext, manifest: Manifest, bars: Bars, signals: Signals) -> tuple[Drift, Behaviour]:
    """What was said of some of the bars, held against the training and, where there is one, against the expert."""
    rules = context.settings.monitoring
    before = read_reference(manifest.reference)
    features = feature_matrix(bars, before.features if before is not None else ()).reindex(signals.index)
    drift = measure_drift(
        before, signals, features, limit=rules.max_psi, many=rules.max_drifted_features, enough=rules.min_bars
    )
    expert = expert_actions(context, manifest, bars)
    sell = manifest.params.get("sell", "exit")
    return drift, measure_behaviour(signals, bars, expert, sell=sell, enough=rules.min_bars)


def expert_actions(context: WorkContext, manifest: Manifest, bars: Bars) -> pd.Series | None:
    """What the expert did at each bar, up to its newest trade; None for a model without one."""
    if not registry.get(manifest.model_type).needs.expert_log:
        return None
    try:
        log = find_expert_log(context.home, context.settings.sources.expert_logs, bars)
    except NightdeskError as error:
        if error.code != "expert_log.missing":
            raise
        return None
    actions, _ = label(bars, log)
    return actions.loc[: actions[actions != 0].index.max()] if actions.any() else None


def figures(drift: Drift, behaviour: Behaviour) -> dict[str, Any]:
    """What is watched, by name; `reasons` says why one is None, `by_chance` what PSI mere chance would show."""
    shifts = {"action_psi": drift.actions, "side_psi": drift.sides}
    accuracy, calibration = behaviour.accuracy, behaviour.calibration
    values = {
        **{name: shift.psi if shift is not None else None for name, shift in shifts.items()},
        "drifted_features": drift.drifted_features,
        "accuracy": accuracy.percent if accuracy is not None else None,
        "calibration_error": calibration.error if calibration is not None else None,
    }
    why = {
        "action_psi": drift.reasons.get("actions"),
        "side_psi": drift.reasons.get("sides"),
        "drifted_features": drift.reasons.get("features"),
        "accuracy": behaviour.reasons.get("accuracy"),
        "calibration_error": behaviour.reasons.get("calibration"),
    }
    return {
        **values,
        "by_chance": {name: shift.by_chance for name, shift in shifts.items() if shift is not None},
        "reasons": {name: reason for name, reason in why.items() if reason is not None},
    }
