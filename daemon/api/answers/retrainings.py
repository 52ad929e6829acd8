"""Retrainings for a reason: which model, for which reasons, by which training."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from config.settings import RetrainingReason
from daemon.api.answers.base import NEXT, SUBJECT, Answer


class Diagnosis(Answer):
    """One reason for which a model is retrained."""

    reason: RetrainingReason
    message: str
    value: float | None = Field(description="The figure that the reason is based on, if it is one.")
    threshold: float | None


class Retraining(Answer):
    """A training of a model for a reason, besides the schedule."""

    id: int
    subject: str = SUBJECT
    model_type: str
    started_at: datetime
    data_until: datetime = Field(description="The newest bar of that moment.")
    run_id: int = Field(description="The training, by its first attempt.")
    own_run: bool = Field(description="Whether the training was started for this; else it was to come anyway.")
    diagnoses: list[Diagnosis] = Field(description="The reasons, the most urgent first.")


class RetrainingPage(Answer):
    """Retrainings for a reason, newest first."""

    items: list[Retraining]
    next: int | None = NEXT
