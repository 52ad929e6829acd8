"""Messages of the tasks of a walk-forward."""

from __future__ import annotations

from typing import ClassVar

from daemon.domain.tasks import Document, ModelRequest, ResultT_co, TaskResult
from data_pipeline.provenance import ProvenanceField


class WalkRequest(ModelRequest[ResultT_co]):
    """A task of the walk-forward of one model type on one subject."""

    run: str
    params: Document
    seed: int


class CountFoldsResult(TaskResult):
    """How many folds the stored bars hold."""

    folds: int


class CountFoldsRequest(WalkRequest[CountFoldsResult]):
    """Count the folds."""

    kind: ClassVar[str] = "walk_forward_folds"
    result: ClassVar[type[TaskResult]] = CountFoldsResult


class WalkFoldResult(TaskResult):
    """A fold that is trained and tested: its training and its test span, as text."""

    train: str
    test: str


class WalkFoldRequest(WalkRequest[WalkFoldResult]):
    """Train and test the fold whose number is `iteration`, unless an earlier walk has kept it."""

    kind: ClassVar[str] = "walk_forward_fold"
    result: ClassVar[type[TaskResult]] = WalkFoldResult


class WalkForwardResult(TaskResult):
    """What the folds would have earned as one history; all of it is in the report."""

    provenance: ProvenanceField
    folds: int
    report: str
    sharpe_ratio: float | None
    total_return: float | None
    max_drawdown: float | None
    trades: float | int | None


class JoinFoldsRequest(WalkRequest[WalkForwardResult]):
    """Join the folds, those that are missing included, and write the report."""

    kind: ClassVar[str] = "walk_forward"
    result: ClassVar[type[TaskResult]] = WalkForwardResult
