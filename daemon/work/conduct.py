"""The task that monitors a version: how far it moved from its training, and whether it agrees with its teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from daemon.work.versions import inputs_of, judged_version, loaded, refuse_other_bars
from evaluation.observation import Observation, observe
from evaluation.signals import Signals

if TYPE_CHECKING:
    from daemon.worker import WorkContext


def conduct(context: WorkContext, args: dict[str, Any]) -> dict[str, Any]:
    """Figures by basis: `evaluation`, decisions on bars after its training; `live`, the signals it published."""
    artifact = loaded(context.home, args, args)
    inputs = inputs_of(context, args["symbol"], artifact.manifest)
    refuse_other_bars(artifact.manifest, inputs)
    version = judged_version(context, artifact, inputs)
    decided = version.model.decide(inputs)
    bases = {"evaluation": {name: _after(signals, version.trained.last) for name, signals in decided.items()}}
    if args["signals"]:
        bases["live"] = {args["symbol"]: published(args["signals"])}
    rules = context.settings.monitoring
    return {basis: figures(observe(version, inputs, signals, rules)) for basis, signals in bases.items()}


def _after(signals: Signals, time: Any) -> Signals:
    later = signals.index > time
    return Signals(signals.position[later], signals.confidence[later])


def published(signals: list[dict[str, Any]]) -> Signals:
    """The signals as they were published; of several for one bar, the last."""
    times = pd.to_datetime([signal["bar_time"] for signal in signals], utc=True, format="ISO8601").as_unit("ns")
    frame = pd.DataFrame(signals, index=times)[["position", "confidence"]].astype("float64")
    last = frame[~frame.index.duplicated(keep="last")].sort_index()
    return Signals(last["position"], last["confidence"])


def figures(observed: Observation) -> dict[str, Any]:
    """What is watched, by name; `reasons` says why one is None, `by_chance` what PSI mere chance would show."""
    drift = observed.drift
    shifts = {"action_psi": drift.actions, "side_psi": drift.sides}
    behaviour = next(iter(observed.behaviour.values())) if len(observed.behaviour) == 1 else None
    accuracy = behaviour.accuracy if behaviour is not None else None
    calibration = behaviour.calibration if behaviour is not None else None
    reasons = behaviour.reasons if behaviour is not None else dict.fromkeys(("accuracy", "calibration"), "many_symbols")
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
        "accuracy": reasons.get("accuracy"),
        "calibration_error": reasons.get("calibration"),
    }
    return {
        **values,
        "by_chance": {name: shift.by_chance for name, shift in shifts.items() if shift is not None},
        "reasons": {name: reason for name, reason in why.items() if reason is not None},
    }
