"""Datasets: what they are, where they came from, and what was made of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from daemon.api.answers.base import Answer
from daemon.api.answers.models import ModelVersion
from daemon.domain.tasks import Document

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
# What every database holds as a number, and what every JSON reader takes for the same number.
Count = Annotated[int, Field(ge=1, le=2**31 - 1)]


def _fits(value: str | int | float) -> str | int | float:
    """Refuse an integer that a database, or another reader of the JSON, would take for another number."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("must be an integer of 64 bits")
    return value


def _is_text(value: object) -> object:
    """A bare number would be taken for seconds since 1970."""
    if isinstance(value, datetime) or (isinstance(value, str) and "T" in value.upper()):
        return value
    raise ValueError("must be a date and time with its offset, such as 2026-03-02T00:00:00Z")


Parameter = Annotated[str | int | float, AfterValidator(_fits)]
Instant = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_is_text)]


class AcceptedChange(Answer):
    """A rewritten history that a person accepted, and how it differs from the one before."""

    author: str = Field(validation_alias=AliasChoices("author", "who"))
    reason: str = Field(validation_alias=AliasChoices("reason", "why"))
    run: str = Field(examples=["data_update-17"])
    at: datetime
    rows: int | None = Field(default=None, description="How many bars have other prices.")
    gone: int | None = Field(default=None, description="How many bars the source no longer has.")
    first: str | None = Field(default=None, description="The first bar that differs.")
    last: str | None = Field(default=None, description="The last bar that differs.")
    largest: float | None = Field(default=None, description="The largest relative difference of a price.")


class Dataset(Answer):
    """A snapshot of bars, of a trader's logs, or of a table made of them; named by its content."""

    dataset: str = Field(description="The sha256 of its content.")
    kind: Literal["bars", "trade_logs", "trader_table"]
    source: str
    symbol: str = Field(description="Of a table, its name.")
    interval: str
    first: datetime
    last: datetime
    rows: int
    pulled_at: datetime
    change: str | None = Field(
        description="What made it differ from the dataset before it: first, appended, mended, split, ...",
        examples=["appended"],
    )
    replaces: str | None = Field(description="The dataset that it replaced.")
    health: float | None = Field(description="The Data Health Index at the last pull, between 0 and 1.")
    warnings: dict[str, int] = Field(description="How many suspicious bars were kept, by the name of the check.")
    health_chart: str | None = Field(description="The address of a PNG of its health, session by session.")
    accepted: AcceptedChange | None = Field(
        description="Set where a person accepted a rewritten history that no split or dividend explains."
    )


class Log(Answer):
    """One of a trader's log files."""

    key: str
    version: str = Field(description="The ETag that the bucket gave it; of a file, its size and time.")
    sha256: str


class Lineage(Answer):
    """A dataset, what it replaced or was made of, and what was made of it."""

    dataset: Dataset
    replaced_by: Dataset | None
    source_logs: Dataset | None = Field(description="The logs that a trader's table was made of.")
    parameters: Document = Field(description="The parameters that the table was made with.")
    logs: list[Log] = Field(description="Of a dataset of logs: its first hundred files, by key.")
    logs_file: str | None = Field(description="The file in the home that lists all of them.")
    models: list[ModelVersion] = Field(description="The versions that were trained on it, newest first.")


class LogsRecord(BaseModel):
    """The logs that a table was made of."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    dataset: Sha256
    place: Literal["folder", "s3", "r2"]
    files: Count


class TableRecord(BaseModel):
    """A table that `nightdesk data --trades` made of a trader's logs."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    dataset: Sha256
    name: str = Field(min_length=1, max_length=32)
    interval: str = Field(pattern="^[1-9][0-9]{0,6}s$", description="The length of a bar.")
    first: Instant
    last: Instant
    rows: Count
    parameters: dict[str, Parameter] = Field(max_length=100)
    logs: LogsRecord

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> Self:
        if self.last < self.first:
            raise ValueError("last is before first")
        return self
