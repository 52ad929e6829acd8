"""Messages of the tasks that keep records."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from daemon.domain.metrics import Metrics
from daemon.domain.recipe_request import RecipeRequest
from daemon.domain.signals import PublishedSignal
from daemon.domain.tasks import Document, Message, TaskResult
from data_pipeline.provenance import ProvenanceField
from evaluation.imitation.figures import ImitationFigures
from evaluation.records.figures import RecordFigures
from evaluation.records.standing import Evidence, Standing


class RecordRef(Message):
    """The record of a recipe, as it was settled in this run.

    `published` are the live signals of the recipe's versions, oldest first.
    """

    params: Document
    seed: int
    window: int
    standing: Standing
    sentence: str
    published: tuple[PublishedSignal, ...] = ()


class RecordFacts(Message):
    """What a record says: its span, p-values and figures, and the same before and since its first live signal."""

    first: datetime
    last: datetime
    evidence: Evidence
    figures: RecordFigures | ImitationFigures
    metrics: Metrics
    on_history: Metrics | None
    since_live: Metrics | None
    live_from: datetime | None


class RecordResult(TaskResult):
    """How far the record of a recipe is.

    Args:
        folds: how many folds the history holds, `missing` of which are still to be computed.
        computed: how many this task computed or extended; `fitted` of them trained a model.
        restarted: how many stored folds were computed anew since their past was revised.
        facts: what the record says; None where there is no fold yet.
    """

    provenance: ProvenanceField
    dataset: str
    folds: int
    missing: int
    computed: int
    fitted: int
    restarted: int
    facts: RecordFacts | None


class RecordRequest(RecipeRequest[RecordResult]):
    """Extend the record of a recipe by `at_most` folds, newest first, and say how far it is.

    `first_look` computes only those that reach into the newest `training_params.holdout` of the history, so that there
    are figures soon. `published` are the live signals of the recipe, oldest first; `tried` counts everything this home
    has tried.
    """

    kind: ClassVar[str] = "record"
    result: ClassVar[type[TaskResult]] = RecordResult
    first_look: bool
    at_most: int
    tried: int
    published: tuple[PublishedSignal, ...] = ()


class RehearseResult(TaskResult):
    """How many rehearsals there are now, and how many are still missing."""

    rehearsals: int
    missing: int


class RehearseRequest(RecipeRequest[RehearseResult]):
    """Rehearse the next retraining: models trained as many bars apart, each beside the one before it.

    The next version will be trained as many bars after the newest as that was after the one before it
    (`trained_until`, newest first), and takes the place of the one that was trained until `serving_until`.
    """

    kind: ClassVar[str] = "rehearse"
    result: ClassVar[type[TaskResult]] = RehearseResult
    serving_until: datetime
    trained_until: tuple[datetime, ...]
