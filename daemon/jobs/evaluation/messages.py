"""Messages of the tasks that judge versions and compare them."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from daemon.domain.metrics import Metrics
from daemon.domain.recipe_request import RecipeRequest
from daemon.domain.tasks import TaskRequest, TaskResult, TaskTarget, VersionRef
from daemon.jobs.records.messages import RecordRef
from evaluation.verdicts import CaseKind, Outcome

ComparedState = Literal["champion", "challenger", "retired", "rejected"]


class EvaluateResult(TaskResult):
    """The metrics of the record on which the version was judged, what became of it and why."""

    dataset: str
    first: datetime
    last: datetime
    report: str
    metrics: Metrics
    outcome: Outcome
    reasons: tuple[str, ...]
    note: str


class EvaluateRequest(RecipeRequest[EvaluateResult]):
    """Judge `challenger`, a version of this recipe, and write the report into the results of `run`.

    Args:
        case: as what it asks for its place.
        champion: the version that serves, in a refresh and a challenge; `champion_record` is that of its recipe.
        challenges: how many challenges there have been for this place, this one counted.
        tried: how many recipes this home has tried.
        sample_teacher: whether it learned from a made-up expert where the champion's is real.
        pinned: whether a person holds the champion in its place.
    """

    kind: ClassVar[str] = "evaluate"
    result: ClassVar[type[TaskResult]] = EvaluateResult
    run: str
    case: CaseKind
    challenger: VersionRef
    record: RecordRef
    champion: VersionRef | None = None
    champion_record: RecordRef | None = None
    challenges: int
    tried: int
    sample_teacher: bool
    pinned: bool


class ComparedVersion(VersionRef):
    """A version that is compared, by the record of its recipe, with others of its subject."""

    model_type: str
    state: ComparedState
    record: RecordRef


class CompareModelsResult(TaskResult):
    """How many versions were compared, which one is recommended and why, and why others were left out."""

    models: int
    recommended: str | None
    recommendation: str
    left_out: dict[str, str]
    report: str


class CompareModelsRequest(TaskRequest[CompareModelsResult]):
    """Compare the records of these versions over the bars that all of them have."""

    kind: ClassVar[str] = "compare_models"
    result: ClassVar[type[TaskResult]] = CompareModelsResult
    run: str
    subject: str
    versions: tuple[ComparedVersion, ...]

    @property
    def target(self) -> TaskTarget:
        """The subject."""
        return TaskTarget(self.subject)


class CompareSymbolsResult(TaskResult):
    """The folder of the joint page."""

    report: str


class CompareSymbolsRequest(TaskRequest[CompareSymbolsResult]):
    """Join the comparisons of these subjects, which this run has written."""

    kind: ClassVar[str] = "compare_symbols"
    result: ClassVar[type[TaskResult]] = CompareSymbolsResult
    run: str
    subjects: tuple[str, ...]
