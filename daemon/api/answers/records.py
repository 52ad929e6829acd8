"""Records of recipes: what each earned on bars its models had not learned from, and what that is evidence of."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from daemon.api.answers.base import SUBJECT, Answer
from daemon.domain.tasks import Document
from evaluation.imitation.figures import ImitationFigures
from evaluation.records.figures import RecordFigures
from evaluation.records.standing import Standing

STANDING = Field(description="What the evidence says of the recipe.")


class Record(Answer):
    """The record of one recipe: a model type with its params, window and seed, of one subject."""

    subject: str = SUBJECT
    model_type: str
    recipe: str = Field(description="What names the recipe: the sha256 of what its trainings have in common.")
    provenance: str
    seed: int
    window: int = Field(description="Days of history that it learns from.")
    standing: Standing = STANDING
    standing_since: datetime
    sentence: str = Field(description="The standing in words.")
    in_use: bool = Field(description="Whether it is configured or serves; others still count as tried.")
    folds: int = Field(description="Folds that the stored history holds.")
    missing: int = Field(description="Folds that are still to be computed.")
    first: datetime | None
    last: datetime | None
    live_from: datetime | None = Field(description="From this bar on, positions are those that were published.")
    figures: RecordFigures | ImitationFigures | None
    metrics: Document | None = Field(description="Of the whole record.")
    on_history: Document | None = Field(description="The metrics before its first published signal.")
    since_live: Document | None = Field(description="The metrics since its first published signal.")
    updated_at: datetime


class RecordList(Answer):
    """The records of this home, and how many recipes it has tried in all."""

    tried: int
    confidence: float
    items: list[Record]
