"""What can be observed of a version's decisions: how far they moved from its training, and whether they are right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from config.settings import Monitoring
from data_pipeline.inputs import Inputs
from evaluation.judges.judged_version import JudgedVersion
from evaluation.monitoring.decision_quality import DecisionQuality, measure_decision_quality
from evaluation.monitoring.drift import Drift, measure_drift
from evaluation.signals import Signals


@dataclass(frozen=True)
class Observation:
    """Drift since training, and by symbol or market whether the decisions agree with the teacher's and earn."""

    drift: Drift
    decision_quality: Mapping[str, DecisionQuality]


def observe(
    version: JudgedVersion,
    inputs: Inputs,
    decided: Mapping[str, Signals],
    rules: Monitoring,
    *,
    unseen: Mapping[str, Signals] | None = None,
) -> Observation:
    """Compare `decided`, made on some of the bars of `inputs`, with the version's training and with its teacher.

    Where the version has learned from those bars, `unseen` are decisions of its recipe on bars that their models had
    not learned from: by these it is measured whether decisions are right.
    """
    features = version.model.features(inputs.for_decisions())
    drift = measure_drift(
        version.reference,
        decided,
        {name: features[name].reindex(signals.index) for name, signals in decided.items()},
        limit=rules.max_psi,
        many=rules.max_drifted_features,
        enough=rules.min_bars,
    )
    decision_quality = {
        name: measure_decision_quality(signals, inputs.bars[name], version.teacher.get(name), enough=rules.min_bars)
        for name, signals in (decided if unseen is None else unseen).items()
    }
    return Observation(drift, decision_quality)
