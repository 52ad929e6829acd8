"""Messages of the tasks that make model versions and look at those that are there."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from pydantic import Field

from daemon.domain.recipe_request import RecipeRequest
from daemon.domain.tasks import Document, ErrorInfo, Message, ModelRequest, TaskRequest, TaskResult, VersionRef
from data_pipeline.provenance import ProvenanceField


class SymbolFreshness(Message):
    """Whether validated data of a symbol or a trader may be trained on, or the error of what is stored.

    Args:
        fresh: it reaches the last closed session, or a trader has traded lately, or the owner works as of the end of
            the data.
        as_of: the close of its last bar.
        last_closed: when the last session closed.
        error: why what is stored cannot be read, or is too old.
    """

    fresh: bool
    as_of: datetime | None = None
    last_closed: datetime | None = None
    error: ErrorInfo | None = None


class FreshnessResult(TaskResult):
    """The freshness of each symbol and trader."""

    symbols: dict[str, SymbolFreshness]


class FreshnessRequest(TaskRequest[FreshnessResult]):
    """Look at the stored data of these symbols and traders; nothing is pulled."""

    kind: ClassVar[str] = "freshness"
    result: ClassVar[type[TaskResult]] = FreshnessResult
    symbols: tuple[str, ...]


class VersionFacts(TaskResult):
    """What the database keeps of a version that is whole on disk.

    Args:
        manifest_sha256: the hash of its manifest, which names the hash of every other file.
        recipe: what names its recipe; None for what was trained before recipes had names.
        params: the resolved params of its recipe.
        window: the days of history that its recipe learns from; None like `recipe`.
        seed: of its random numbers.
        provenance: where its data came from.
        dataset: the fingerprint of what it was trained on.
        train_start: the first bar of its training span.
        train_end: the last one.
        trained_at: when it was trained.
        metrics: what its model type measured in training, and its leak audit.
        issues: what its model type could not use of its data, by name: a count, or counts by value.
    """

    manifest_sha256: str
    recipe: str | None
    params: Document
    window: int | None
    seed: int
    provenance: ProvenanceField
    dataset: str
    train_start: datetime
    train_end: datetime
    trained_at: datetime
    metrics: Document
    issues: Document = Field(default_factory=dict)


class TrainRequest(RecipeRequest[VersionFacts]):
    """Train one version of a recipe. `iteration` is its number among those that this run trains in one place."""

    kind: ClassVar[str] = "train"
    result: ClassVar[type[TaskResult]] = VersionFacts
    version: str


class RepetitionResult(TaskResult):
    """Whether a training would make a stored version once more, to the last bit."""

    repeats: bool


class RepetitionRequest(RecipeRequest[RepetitionResult]):
    """Compare what a recipe would be trained on, and with which code, with what made `stored`, a version of it."""

    kind: ClassVar[str] = "repetition"
    result: ClassVar[type[TaskResult]] = RepetitionResult
    stored: VersionRef


class InspectRequest(ModelRequest[VersionFacts]):
    """Load a version from disk, check every hash, reproduce its golden predictions."""

    kind: ClassVar[str] = "inspect"
    result: ClassVar[type[TaskResult]] = VersionFacts
    version: str
