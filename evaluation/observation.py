"""What can be observed of a version's decisions: how far they moved from its training, and whether they are right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from config.settings import Monitoring
from data_pipeline.inputs import Inputs
from evaluation.behaviour import Behaviour, measure_behaviour
from evaluation.drift import Drift, measure_drift
from evaluation.signals import Signals

if TYPE_CHECKING:
    from evaluation.judges.base import JudgedVersion


@dataclass(frozen=True)
class Observation:
    """Drift since training, and the behaviour of the decisions where they are of one symbol."""

    drift: Drift
    behaviour: Behaviour


def observe(version: JudgedVersion, inputs: Inputs, decided: Mapping[str, Signals], rules: Monitoring) -> Observation:
    """Compare `decided`, made on some of the bars of `inputs`, with the version's training and with its teacher."""
    features = version.model.features(inputs.for_decisions())
    drift = measure_drift(
        version.reference,
        decided,
        {name: features[name].reindex(signals.index) for name, signals in decided.items()},
        limit=rules.max_psi,
        many=rules.max_drifted_features,
        enough=rules.min_bars,
    )
    symbol, signals = next(iter(decided.items()))
    behaviour = measure_behaviour(signals, inputs.bars[symbol], version.teacher.get(symbol), enough=rules.min_bars)
    return Observation(drift, behaviour)
