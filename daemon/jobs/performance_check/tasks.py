"""Tasks that measure champions: how far one moved from its training, and what its published signals earned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from daemon.artifacts.base import ArtifactName
from daemon.domain.metrics import Metrics, MonitoredMetrics
from daemon.jobs.performance_check.messages import LivePerformanceResult, MonitorResult
from daemon.jobs.versions import inputs_of, judged_version, loaded, published_signals, refuse_other_bars
from data_pipeline.bars import calendar
from data_pipeline.inputs import Inputs
from data_pipeline.stored_inputs import stored_bars
from evaluation.accounting.backtest import Costs, backtest
from evaluation.judges.observation import Observation, observe
from evaluation.signals import Signals
from trainers.manifest import read_manifest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from daemon.domain.signals import PublishedSignal
    from daemon.executors.worker.main import WorkContext
    from daemon.jobs.performance_check.messages import LivePerformanceRequest, MonitorRequest
    from data_pipeline.bars.bars import Bars

LIVE = ("sharpe_ratio", "max_drawdown")  # what is watched of live performance


def monitor(context: WorkContext, request: MonitorRequest) -> MonitorResult:
    """Measure what the version decides on bars after its training, and what it has published."""
    artifact = loaded(context.home, request.subject, request.model_type, request.version)
    inputs = inputs_of(context, request.subject, artifact.manifest.model_type)
    refuse_other_bars(artifact.manifest, inputs)
    version, rules = judged_version(context, artifact, inputs), context.settings.monitoring
    decided = {name: _after(signals, version.trained.last) for name, signals in version.model.decide(inputs).items()}
    live = None
    if request.signals:
        live = metrics_of(observe(version, inputs, published_signals(request.signals), rules))
    return MonitorResult(evaluation=metrics_of(observe(version, inputs, decided, rules)), live=live)


def _after(signals: Signals, time: datetime) -> Signals:
    later = signals.index > pd.Timestamp(time)
    return Signals(signals.position[later], signals.confidence[later])


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


def live_performance(context: WorkContext, request: LivePerformanceRequest) -> LivePerformanceResult:
    """Backtest the published positions over the bars as they came to be, each from when it could be followed."""
    costs = context.settings.costs
    bars = stored_bars(context.home, context.settings, request.subject)
    name = ArtifactName(request.subject, request.model_type, request.version)
    refuse_other_bars(read_manifest(context.artifacts.fetch(name)), Inputs.of(bars))
    positions = followed(bars, request.signals)
    lived = bars.since(positions.index[0])
    if len(lived) < 2:
        reasons = dict.fromkeys(LIVE, "too_few_bars")
        return LivePerformanceResult(metrics=Metrics(values=dict.fromkeys(LIVE), reasons=reasons))
    target = positions.reindex(lived.frame.index, method="ffill")
    result = backtest(lived, target, costs=Costs.of(costs), initial_cash=costs.initial_cash)
    return LivePerformanceResult(metrics=Metrics.of(result.metrics()))


def followed(bars: Bars, signals: Sequence[PublishedSignal]) -> pd.Series:
    """The positions by the bar at whose close they count as decided, so that the next open fills them.

    That is a signal's own bar, if it was published before the next one opened. One that was published later finds that
    open in the past, and waits for the first that is still to come. Of several for the same open, the last counts.
    """
    index = pd.DatetimeIndex(bars.frame.index)
    decided, published = (
        pd.to_datetime([getattr(signal, name) for signal in signals], utc=True).as_unit("ns")
        for name in ("bar_time", "published_at")
    )
    next_open = calendar.opens(bars.calendar, index).searchsorted(published)
    row = np.minimum(np.maximum(index.searchsorted(decided), next_open - 1), len(index) - 1)
    positions = pd.Series([signal.position for signal in signals], index=index[row])
    return positions[~positions.index.duplicated(keep="last")].sort_index()
