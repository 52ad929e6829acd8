"""The task that monitors a version: how far it moved from its training, and whether it agrees with its teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from daemon.domain.metrics import MonitoredMetrics
from daemon.jobs.performance_check.messages import MonitorResult
from daemon.work.versions import inputs_of, judged_version, loaded, refuse_other_bars
from evaluation.observation import Observation, observe
from evaluation.signals import Signals

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from daemon.jobs.performance_check.messages import MonitorRequest, PublishedSignal
    from daemon.worker import WorkContext


def monitor(context: WorkContext, request: MonitorRequest) -> MonitorResult:
    """Measure what the version decides on bars after its training, and what it has published."""
    artifact = loaded(context.home, request.subject, request.model_type, request.version)
    inputs = inputs_of(context, request.subject, artifact.manifest)
    refuse_other_bars(artifact.manifest, inputs)
    version, rules = judged_version(context, artifact, inputs), context.settings.monitoring
    decided = {name: _after(signals, version.trained.last) for name, signals in version.model.decide(inputs).items()}
    live = None
    if request.signals:
        live = metrics_of(observe(version, inputs, {request.subject: published(request.signals)}, rules))
    return MonitorResult(evaluation=metrics_of(observe(version, inputs, decided, rules)), live=live)


def _after(signals: Signals, time: datetime) -> Signals:
    later = signals.index > pd.Timestamp(time)
    return Signals(signals.position[later], signals.confidence[later])


def published(signals: Sequence[PublishedSignal]) -> Signals:
    """The published signal of each bar; of several for one bar, the last."""
    times = pd.to_datetime([signal.bar_time for signal in signals], utc=True).as_unit("ns")
    rows = [(signal.position, signal.confidence) for signal in signals]
    frame = pd.DataFrame(rows, index=times, columns=["position", "confidence"], dtype="float64")
    last = frame[~frame.index.duplicated(keep="last")].sort_index()
    return Signals(last["position"], last["confidence"])


def metrics_of(observed: Observation) -> MonitoredMetrics:
    """The monitored metrics by name."""
    drift = observed.drift
    shifts = {"action_psi": drift.actions, "side_psi": drift.sides}
    behaviour = next(iter(observed.behaviour.values())) if len(observed.behaviour) == 1 else None
    accuracy = behaviour.accuracy if behaviour is not None else None
    calibration = behaviour.calibration if behaviour is not None else None
    unlike = behaviour.reasons if behaviour is not None else dict.fromkeys(("accuracy", "calibration"), "many_symbols")
    reasons = {
        "action_psi": drift.reasons.get("actions"),
        "side_psi": drift.reasons.get("sides"),
        "drifted_features": drift.reasons.get("features"),
        "accuracy": unlike.get("accuracy"),
        "calibration_error": unlike.get("calibration"),
    }
    return MonitoredMetrics(
        values={
            **{name: shift.psi if shift is not None else None for name, shift in shifts.items()},
            "drifted_features": drift.drifted_features,
            "accuracy": accuracy.percent if accuracy is not None else None,
            "calibration_error": calibration.error if calibration is not None else None,
        },
        reasons={name: reason for name, reason in reasons.items() if reason is not None},
        by_chance={name: shift.by_chance for name, shift in shifts.items() if shift is not None},
    )
