"""The task that monitors a champion: how far it has moved from its training, and whether it is like its expert."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from config.errors import NightdeskError
from daemon.domain.metrics import MonitoredMetrics
from daemon.jobs.performance_check.messages import MonitorResult
from daemon.work.bars import stored_bars
from daemon.work.versions import loaded, refuse_other_bars
from data_pipeline.experts import find_expert_log
from data_pipeline.features import feature_matrix
from data_pipeline.trade_logs import label
from evaluation.behaviour import Behaviour, measure_behaviour
from evaluation.drift import Drift, measure_drift, read_reference
from evaluation.signals import Signals
from trainers import registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.jobs.performance_check.messages import MonitorRequest, PublishedSignal
    from daemon.worker import WorkContext
    from data_pipeline.bars import Bars
    from trainers.manifest import Manifest


def monitor(context: WorkContext, request: MonitorRequest) -> MonitorResult:
    """Measure what the version decides on bars after its training, and what it has published."""
    bars = stored_bars(context.home, context.settings, request.subject)
    artifact = loaded(context.home, request.subject, request.model_type, request.version)
    manifest = artifact.manifest
    refuse_other_bars(manifest, bars)
    signals = artifact.model.signals(bars)
    unseen = signals.index > manifest.train_end
    evaluation = Signals(signals.position[unseen], signals.confidence[unseen])
    return MonitorResult(
        evaluation=metrics_of(*observed(context, manifest, bars, evaluation)),
        live=metrics_of(*observed(context, manifest, bars, published(request.signals))) if request.signals else None,
    )


def published(signals: Sequence[PublishedSignal]) -> Signals:
    """The published signal of each bar; of several for one bar, the last."""
    times = pd.to_datetime([signal.bar_time for signal in signals], utc=True).as_unit("ns")
    rows = [(signal.position, signal.confidence) for signal in signals]
    frame = pd.DataFrame(rows, index=times, columns=["position", "confidence"], dtype="float64")
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


def metrics_of(drift: Drift, behaviour: Behaviour) -> MonitoredMetrics:
    """The monitored metrics by name."""
    shifts = {"action_psi": drift.actions, "side_psi": drift.sides}
    accuracy, calibration = behaviour.accuracy, behaviour.calibration
    reasons = {
        "action_psi": drift.reasons.get("actions"),
        "side_psi": drift.reasons.get("sides"),
        "drifted_features": drift.reasons.get("features"),
        "accuracy": behaviour.reasons.get("accuracy"),
        "calibration_error": behaviour.reasons.get("calibration"),
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
