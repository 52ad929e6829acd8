"""A model version as judges and monitors see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd

from data_pipeline.inputs import Inputs
from evaluation.audit.leak_audit import Span
from evaluation.monitoring.drift import Reference
from evaluation.reports.evidence import Leaks, ModelEvidence
from evaluation.signal_model import SignalModel


@dataclass(frozen=True, eq=False)
class JudgedVersion:
    """A model version as a judge sees it.

    Args:
        name: its version.
        model: what it decides.
        trained: its training span.
        features: the names of its features.
        reference: what it saw and decided in training; None where that was not recorded.
        leaks: the leak audit of its training; None where there was none.
        evidence: what its model type reports of it.
        teacher: by symbol or market the positions of its teacher, where it has one.
        trained_at: when it was trained; None where that was not recorded.
        metrics: what its manifest holds of its training.
        seen: the last of the inputs that it was trained on, as they were then; None where they are not known.
    """

    name: str
    model: SignalModel
    trained: Span
    features: tuple[str, ...]
    reference: Reference | None
    leaks: Leaks | None
    evidence: ModelEvidence = field(default_factory=ModelEvidence)
    teacher: Mapping[str, pd.Series] = field(default_factory=dict)
    trained_at: datetime | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    seen: Inputs | None = None
