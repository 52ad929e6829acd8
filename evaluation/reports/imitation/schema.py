"""The parts of a copy's report.json; imitation.schema.json is its JSON schema."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from evaluation.imitation.controls import Control
from evaluation.imitation.evidence import ImitationEvidence
from evaluation.imitation.figures import ImitationFigures
from evaluation.monitoring.drift import Drift
from evaluation.records.standing import Standing
from evaluation.reports.evidence import Attention, FeatureImportance, Leaks
from evaluation.reports.schema import Decision, Subject


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CopyStanding(_Part):
    """What the evidence says of the recipe, among how many that were tried, and the figures of its record."""

    standing: Standing
    sentence: str
    tried: int
    record: ImitationFigures


class VersionEvidence(_Part):
    """What is known of the version itself; None with a reason in `absent`.

    Args:
        controls: other models, trained on the same markets, by which it shows which of its parts it needs.
        attention: what it attends to.
        leaks: the leak audit of its training.
        feature_importance: the importance of each of its features.
        drift: how far its features and decisions have moved since training.
    """

    controls: dict[str, Control] | None
    attention: Attention | None
    leaks: Leaks | None
    feature_importance: FeatureImportance | None
    drift: Drift | None
    absent: dict[str, str]


class CopyReport(_Part):
    """What report.json holds of a version that copies a trader. What is undefined is null, with its reason."""

    schema_version: Literal[1]
    kind: Literal["imitation"]
    created_at: datetime
    subject: Subject
    answer: str
    first: str
    last: str
    standing: CopyStanding
    decision: Decision
    evidence: ImitationEvidence
    version: VersionEvidence
    files: dict[str, str]  # the name of each and its sha256
