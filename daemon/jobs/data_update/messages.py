"""Messages of the tasks that pull data."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from daemon.domain.tasks import Document, ErrorInfo, Message, TaskRequest, TaskResult, TaskTarget


class DatasetFacts(Message):
    """An immutable dataset of bars: what it is, where it came from, what it spans, why it replaces another."""

    id: str
    source: str
    symbol: str
    interval: str
    first: datetime
    last: datetime
    rows: int
    pulled_at: datetime
    why: str
    replaces: str | None


class HealthFacts(Message):
    """The Data Health Index of a symbol's bars, its parts, and the number of bars by warning."""

    index: float
    completeness: float
    freshness: float
    validity: float
    consistency: float
    warnings: dict[str, int]


class Restated(Message):
    """How a history that a person accepted differs from the one that was stored."""

    rows: int
    gone: int
    first: str | None
    last: str | None
    largest: float


class HeadlinesResult(TaskResult):
    """How many headlines are new, or why there are none."""

    new: int = 0
    error: ErrorInfo | None = None


class UpdateBarsResult(TaskResult):
    """The dataset that a symbol's bars are now, its health, and what was refused on the way.

    Args:
        dataset: what is stored now.
        changed: whether this pull made it.
        new_rows: bars that were not stored before.
        quarantined: refused rows by reason.
        not_refetched: why rows that were once refused could not be fetched anew.
        fresh: whether the bar of the last closed session is stored.
        fallback: why the sample market is used.
        accepted: the unexplained difference that a person accepted.
        health: how far the bars can be trusted.
        headlines: what became of the news.
    """

    dataset: DatasetFacts
    changed: bool
    new_rows: int
    quarantined: dict[str, int]
    not_refetched: ErrorInfo | None
    fresh: bool
    fallback: str | None
    accepted: Restated | None
    health: HealthFacts
    headlines: HeadlinesResult


class UpdateBarsRequest(TaskRequest[UpdateBarsResult]):
    """Pull what is new of one symbol. With `accept`, a person has accepted a history that nothing explains."""

    kind: ClassVar[str] = "update_bars"
    result: ClassVar[type[TaskResult]] = UpdateBarsResult
    symbol: str
    accept: bool = False

    @property
    def target(self) -> TaskTarget:
        """The symbol."""
        return TaskTarget(self.symbol)


class PullHeadlinesRequest(TaskRequest[HeadlinesResult]):
    """Pull the headlines of a symbol whose bars are not asked for."""

    kind: ClassVar[str] = "pull_headlines"
    result: ClassVar[type[TaskResult]] = HeadlinesResult
    symbol: str
    source: str

    @property
    def target(self) -> TaskTarget:
        """The symbol."""
        return TaskTarget(self.symbol)


class PullTradesResult(TaskResult):
    """What a pull of traders' logs did: `refused` counts by code, `failed` names some of these files.

    `dataset` names the logs that the bucket holds by their keys and contents; `silent` are fetched logs without a
    trade.
    """

    logs: int
    fetched: int
    unchanged: int
    bytes: int
    refused: dict[str, int]
    failed: dict[str, str]
    dataset: str = ""
    silent: int = 0


class PullTradesRequest(TaskRequest[PullTradesResult]):
    """Pull what is new in the bucket of traders' logs."""

    kind: ClassVar[str] = "pull_trades"
    result: ClassVar[type[TaskResult]] = PullTradesResult


Place = Literal["folder", "s3", "r2"]
Parameter = str | int | float


class TableFacts(Message):
    """A table of traders' decisions, its parameters, and the logs that it was made of."""

    dataset: str
    name: str
    interval: str
    first: datetime
    last: datetime
    rows: int
    parameters: dict[str, Parameter]
    logs: str
    place: Place
    files: int


class MakeTableResult(TaskResult):
    """The table that was made, with counts of what it holds; None where logs, settings and code are as before."""

    table: TableFacts | None = None
    report: Document = Field(default_factory=dict)


class MakeTableRequest(TaskRequest[MakeTableResult]):
    """Make the table of these logs, which are stored, unless `made` says that it is made."""

    kind: ClassVar[str] = "make_table"
    result: ClassVar[type[TaskResult]] = MakeTableResult
    logs: str
    made: str = ""
