"""Tasks that measure champions: how far one moved from its training, and what its published signals earned."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from config.names import is_trader_subject
from daemon.artifacts.base import ArtifactName
from daemon.domain.metrics import Metrics, MonitoredMetrics
from daemon.domain.recipes import Recipe
from daemon.domain.retraining import DIRECTION_NOW, DIRECTION_TRAINED, REGIME_NOW, REGIME_TRAINED
from daemon.jobs.performance_check.messages import LivePerformanceResult, MonitorResult
from daemon.jobs.records.keeping import RecordKeeper
from daemon.jobs.versions import inputs_of, judged_version, loaded, refuse_other_bars
from data_pipeline.features.volatility_regime import settled_regime
from data_pipeline.regimes.market import equal_weight, settled_direction
from evaluation import judges
from evaluation.judges.checklist import sharpe_gain
from evaluation.judges.observation import Observation, observe
from evaluation.records.live import published_signals
from evaluation.signals import Signals
from trainers import registry
from trainers.manifest import read_manifest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from config.settings import Monitoring
    from daemon.executors.worker.main import WorkContext
    from daemon.jobs.performance_check.messages import LivePerformanceRequest, MonitorRequest
    from data_pipeline.inputs import Inputs
    from evaluation.judges.judged_version import JudgedVersion
    from evaluation.monitoring.drift import Drift

REGIMES = (REGIME_TRAINED, REGIME_NOW, DIRECTION_TRAINED, DIRECTION_NOW)
RECENT = 252  # bars of a record whose inputs and decisions are compared with those of the training


def monitor(context: WorkContext, request: MonitorRequest) -> MonitorResult:
    """Measure how far inputs and decisions have moved from the training, and whether decisions are right.

    Drift is that of the version's own newest decisions. Whether they are right is measured by the record of its recipe,
    whose models had not learned from what they decided on.
    """
    artifact = loaded(context.home, request.subject, request.model_type, request.version)
    inputs = inputs_of(context, request.subject, artifact.manifest.model_type)
    refuse_other_bars(artifact.manifest, inputs)
    version, rules = judged_version(context, artifact, inputs), context.settings.monitoring
    live = None
    if request.signals:
        published = published_signals(request.signals)
        followed = {name: published[name] for name in published if name in inputs.bars}
        live = metrics_of(observe(version, inputs, followed, rules), version, rules)
    decided = {name: _newest(signals) for name, signals in version.model.decide(inputs).items()}
    unseen = _unseen(context, request)
    return MonitorResult(
        evaluation=with_members(
            metrics_of(observe(version, inputs, decided, rules, unseen=unseen), version, rules), version
        ),
        live=live,
        regimes=_regimes(context, inputs, request.trained_until),
    )


def _regimes(context: WorkContext, inputs: Inputs, trained_until: datetime) -> Metrics:
    """The volatility and direction that the market had settled in at the newest training, and has now, by number.

    The market of a universe is its symbols in equal shares. A trader's contracts, which end within the hour, have none.
    """
    if is_trader_subject(inputs.subject):
        return Metrics(values=dict.fromkeys(REGIMES), reasons=dict.fromkeys(REGIMES, "many_symbols"))
    every, lasting = list(inputs.bars.values()), context.settings.retraining.regime_bars
    bars = every[0] if len(every) == 1 else equal_weight(every)
    values = {}
    for when_trained, at_present, settled in (
        (REGIME_TRAINED, REGIME_NOW, settled_regime(bars, lasting)),
        (DIRECTION_TRAINED, DIRECTION_NOW, settled_direction(bars, trained_until, lasting)),
    ):
        before = settled.loc[:trained_until]
        values[when_trained] = before.iloc[-1] if len(before) else math.nan
        values[at_present] = settled.iloc[-1]
    undefined = [name for name, value in values.items() if math.isnan(value)]
    return Metrics(
        values={name: None if name in undefined else float(value) for name, value in values.items()},
        reasons=dict.fromkeys(undefined, "too_few_bars"),
    )


def _unseen(context: WorkContext, request: MonitorRequest) -> Mapping[str, Signals] | None:
    """The newest part of the record; None for a version without one."""
    if request.record is None:
        return None
    reference = request.record
    recipe = Recipe(request.subject, request.model_type, reference.params, reference.seed, reference.window)
    record = RecordKeeper(context, recipe).record(reference.published)
    return None if record is None else {name: _newest(signals) for name, signals in record.decided.items()}


def _newest(signals: Signals) -> Signals:
    return Signals(signals.position.tail(RECENT), signals.confidence.tail(RECENT))


def metrics_of(observed: Observation, version: JudgedVersion, rules: Monitoring) -> MonitoredMetrics:
    """The monitored metrics by name."""
    drift = observed.drift
    strength, no_strength = _strength(drift, version, rules)
    shifts = {"action_psi": drift.trade_action, "side_psi": drift.position_sign}
    quality = next(iter(observed.decision_quality.values())) if len(observed.decision_quality) == 1 else None
    agreement = quality.expert_agreement if quality is not None else None
    calibration = quality.calibration if quality is not None else None
    undefined = (
        quality.reasons if quality is not None else dict.fromkeys(("expert_agreement", "calibration"), "many_symbols")
    )
    reasons = {
        "action_psi": drift.reasons.get("trade_action"),
        "side_psi": drift.reasons.get("position_sign"),
        "drifted_features": drift.reasons.get("features"),
        "accuracy": undefined.get("expert_agreement"),
        "calibration_error": undefined.get("calibration"),
        "strength": no_strength,
    }
    return MonitoredMetrics(
        values={
            **{name: shift.psi if shift is not None else None for name, shift in shifts.items()},
            "drifted_features": drift.drifted_features,
            "accuracy": agreement.percent if agreement is not None else None,
            "calibration_error": calibration.error if calibration is not None else None,
            "strength": strength,
        },
        reasons={name: reason for name, reason in reasons.items() if reason is not None},
        by_chance={name: shift.critical_psi for name, shift in shifts.items() if shift is not None},
    )


def _strength(drift: Drift, version: JudgedVersion, rules: Monitoring) -> tuple[float | None, str | None]:
    """The median size of the positions, or why there is none: smaller ones in training are the design of a model."""
    before = version.reference.position_size if version.reference is not None else None
    if drift.position_size is None or before is None:
        return None, drift.reasons.get("position_size", "no_positions")
    if before.median < rules.min_strength:
        return None, "small_in_training"
    return drift.position_size.median, None


def with_members(metrics: MonitoredMetrics, version: JudgedVersion) -> MonitoredMetrics:
    """The same, and by how much the least useful member raises the Sharpe ratio, where members were compared."""
    comparisons = version.evidence.comparisons
    if not comparisons:
        return metrics
    gains = [gain for comparison in comparisons if (gain := sharpe_gain(comparison)) is not None]
    least = min(gains) if len(gains) == len(comparisons) else None
    reasons = {} if least is not None else {"member_gain": "zero_variance"}
    return metrics.model_copy(
        update={"values": {**metrics.values, "member_gain": least}, "reasons": {**metrics.reasons, **reasons}}
    )


def live_performance(context: WorkContext, request: LivePerformanceRequest) -> LivePerformanceResult:
    """What the published signals have come to, by the bars as they came to be."""
    name = ArtifactName(request.subject, request.model_type, request.version)
    inputs = inputs_of(context, request.subject, request.model_type)
    refuse_other_bars(read_manifest(context.artifacts.fetch(name)), inputs)
    judge = judges.get(registry.get(request.model_type).judge)
    return LivePerformanceResult(metrics=Metrics.of(judge.live_metrics(inputs, request.signals, context.settings)))
