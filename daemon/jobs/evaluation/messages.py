"""Messages of the tasks that judge versions and compare them."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from daemon.domain.metrics import Metrics
from daemon.domain.tasks import Message, ModelRequest, TaskRequest, TaskResult, TaskTarget, VersionRef
from data_pipeline.provenance import ProvenanceField

ComparedState = Literal["champion", "challenger", "retired", "rejected"]


class Attempts(Message):
    """How many versions of a kind there have ever been, and the first Sharpe ratio of each that was judged."""

    count: int
    sharpe_ratios: dict[str, float]


class FindingInfo(Message):
    """What the unseen bars say of one version: its metrics, the verdict, and the codes of its reasons."""

    metrics: Metrics
    verdict: str
    reasons: tuple[str, ...]


class EvaluateResult(TaskResult):
    """The findings on the challenger, and on the champion over the same bars, if the two may be compared."""

    dataset: str
    first: datetime
    last: datetime
    report: str
    challenger: FindingInfo
    champion: FindingInfo | None


class EvaluateRequest(ModelRequest[EvaluateResult]):
    """Judge `challenger` against `champion`, or against cash, and write the report into the results of `run`."""

    kind: ClassVar[str] = "evaluate"
    result: ClassVar[type[TaskResult]] = EvaluateResult
    run: str
    challenger: VersionRef
    champion: VersionRef | None
    attempts: Attempts


class ComparedVersion(VersionRef):
    """A version that is compared with others of its subject, which may be of other model types."""

    model_type: str
    state: ComparedState


class CompareModelsResult(TaskResult):
    """How many versions were compared, which one is recommended and why, and why others were left out."""

    models: int
    recommended: str | None
    recommendation: str
    left_out: dict[str, str]
    report: str


class CompareModelsRequest(TaskRequest[CompareModelsResult]):
    """Run these versions over bars that none of them was trained on."""

    kind: ClassVar[str] = "compare_models"
    result: ClassVar[type[TaskResult]] = CompareModelsResult
    run: str
    subject: str
    provenance: ProvenanceField
    versions: tuple[ComparedVersion, ...]
    tried: int

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
