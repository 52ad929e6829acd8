"""Model versions: how they were judged, when they served, and what is current of each model."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from daemon.api.answers.base import BADGE, NEXT, SUBJECT, Answer
from daemon.api.answers.records import Record
from daemon.api.answers.retrainings import Retraining
from daemon.api.answers.signals import Signal
from daemon.domain.tasks import Document
from data_pipeline.provenance import Badge
from evaluation.verdicts import CaseKind

# Evaluations from before there were records were better, worse or inconclusive.
Verdict = Literal["takes_over", "held_back", "refused", "measured", "better", "worse", "inconclusive"]


class ModelVersion(Answer):
    """One trained model."""

    id: int
    subject: str = SUBJECT
    model_type: str
    version: str
    state: str = Field(examples=["champion"])
    serves: bool = Field(description="Whether it is the champion of a subject and model type of the present config.")
    provenance: str
    badge: Badge | None = BADGE
    dataset: str
    manifest_sha256: str
    train_start: datetime
    train_end: datetime
    trained_at: datetime
    run_id: int | None
    metrics: Document
    recipe: str | None = Field(description="What names its recipe; null before recipes had names.")
    seed: int | None


class ModelVersionPage(Answer):
    """Model versions, newest first."""

    items: list[ModelVersion]
    next: int | None = NEXT


class Evaluation(Answer):
    """How a version was judged by the record of its recipe, and what became of it."""

    id: int
    version: str
    run_id: int | None
    first: datetime
    last: datetime
    evaluated_at: datetime
    metrics: Document = Field(description="Of the record.")
    case: CaseKind | None = Field(description="As what it asked for its place; null before there were records.")
    verdict: Verdict
    reasons: list[str]
    report: str | None = Field(description="The address of report.json.")
    report_page: str | None = Field(description="The address of the report as a page with every figure.")
    equity_chart: str | None = Field(description="The address of a PNG of equity and drawdown.")
    comparison_page: str | None = Field(description="The address of a page that compares all models of the subject.")


class Serving(Answer):
    """What became of a version in its place, from when, the reason, and who or what decided it."""

    version: str
    action: Literal["serve", "stop", "pin", "unpin"]
    serving_from: datetime
    reason: str
    decided_by: str = Field(examples=["evaluation"], description="A job, or a person.")


class ServingDecision(Answer):
    """What a person decides to serve, and why; it is recorded with their name."""

    model_config = ConfigDict(extra="forbid")

    version: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="Needed to promote; without it a rollback goes to the one that served before.",
    )
    reason: str = Field(default="", max_length=255)
    author: str = Field(default="api", min_length=1, max_length=64)


class ModelVersionFacts(ModelVersion):
    """A version with its evaluations and its times as champion, newest first."""

    evaluations: list[Evaluation]
    servings: list[Serving]


class MarketRegime(Answer):
    """What the market of a model was in at its last check; null where that is not known."""

    volatility: Literal["low", "normal", "high"] | None = Field(description="Compared with its own last 252 bars.")
    direction: Literal["bear", "sideways", "bull"] | None = Field(
        description="By a hidden Markov model of the returns up to the newest training, filtered up to now."
    )
    measured_at: datetime


class Model(Answer):
    """One (subject, model type) that this desk keeps fresh."""

    subject: str = SUBJECT
    model_type: str
    champion: str | None = Field(description="The version that serves now.")
    champion_id: int | None
    pinned: bool = Field(description="Whether a person holds the champion in its place.")
    recommended: bool = Field(
        description=(
            "Whether it has the best record of what serves for this subject, by the newest model comparison, over the "
            "bars that all its models have."
        )
    )
    record: Record | None = Field(description="Of the recipe that serves, or else of the one that is configured.")
    trained_at: datetime | None
    provenance: str | None = Field(description="Of the version whose `evaluation` is shown.")
    badge: Badge | None = BADGE
    evaluation: Evaluation | None = Field(
        description="The champion's newest; without a champion that of `last_verdict`."
    )
    last_verdict: Evaluation | None = Field(description="The newest of any version of this subject and model type.")
    signal: Signal | None
    retraining: Retraining | None = Field(description="The newest retraining for a reason, besides the schedule.")
    regime: MarketRegime | None = Field(description="The regime of its market; null before the first check.")
