"""Model versions: how they were judged, when they served, and what is current of each model."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from daemon.api.answers.base import NEXT, SUBJECT, Answer
from daemon.api.answers.signals import Signal
from daemon.domain.tasks import Document

Verdict = Literal["better", "worse", "inconclusive"]


class ModelVersion(Answer):
    """One trained model."""

    id: int
    subject: str = SUBJECT
    model_type: str
    version: str
    state: str = Field(examples=["champion"])
    provenance: str
    dataset: str
    manifest_sha256: str
    train_start: datetime
    train_end: datetime
    trained_at: datetime
    run_id: int | None
    metrics: Document


class ModelVersionPage(Answer):
    """Model versions, newest first."""

    items: list[ModelVersion]
    next: int | None = NEXT


class Evaluation(Answer):
    """How a version performed on bars after its training, and the verdict."""

    id: int
    version: str
    run_id: int | None
    first: datetime
    last: datetime
    evaluated_at: datetime
    metrics: Document
    verdict: Verdict
    reasons: list[str]
    report: str | None = Field(description="The address of report.json.")
    report_page: str | None = Field(description="The address of the report as a page with every figure.")
    equity_chart: str | None = Field(description="The address of a PNG of equity and drawdown.")
    comparison_page: str | None = Field(description="The address of a page that compares all models of the subject.")


class Serving(Answer):
    """From when a version served, the reason, and who or what decided it."""

    version: str
    serving_from: datetime
    reason: str
    decided_by: str = Field(examples=["evaluation"], description="A job, or a person.")


class ModelVersionFacts(ModelVersion):
    """A version with its evaluations and its times as champion, newest first."""

    evaluations: list[Evaluation]
    servings: list[Serving]


class Model(Answer):
    """One (subject, model type) that this desk keeps fresh."""

    subject: str = SUBJECT
    model_type: str
    champion: str | None = Field(description="The version that serves now.")
    champion_id: int | None
    trained_at: datetime | None
    provenance: str | None
    evaluation: Evaluation | None = Field(
        description="The champion's newest; without a champion that of `last_verdict`."
    )
    last_verdict: Evaluation | None = Field(description="The newest of any version of this subject and model type.")
    signal: Signal | None
