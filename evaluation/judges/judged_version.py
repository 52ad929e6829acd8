"""A model version as judges and monitors see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from evaluation.audit.leak_audit import Span
from evaluation.monitoring.drift import Reference
from evaluation.reports.evidence import Leaks, ModelEvidence
from evaluation.signal_model import SignalModel
from evaluation.statistics.significance import Trials


@dataclass(frozen=True, eq=False)
class JudgedVersion:
    """A model version as a judge sees it.

    Args:
        name: its version.
        model: what it decides.
        trained: its training span, which nothing is judged on.
        features: the names of its features.
        reference: what it saw and decided in training; None where that was not recorded.
        leaks: the leak audit of its training; None where there was none.
        evidence: what its model type reports of it.
        teacher: by symbol or market the positions of its teacher, where it has one.
        trials: the versions it was selected from.
    """

    name: str
    model: SignalModel
    trained: Span
    features: tuple[str, ...]
    reference: Reference | None
    leaks: Leaks | None
    evidence: ModelEvidence = field(default_factory=ModelEvidence)
    teacher: Mapping[str, pd.Series] = field(default_factory=dict)
    trials: Trials = field(default_factory=Trials)
