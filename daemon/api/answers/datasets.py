"""Datasets: what they are, where they came from, and what was made of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field

from daemon.api.answers.base import Answer
from daemon.api.answers.models import ModelVersion
from daemon.domain.tasks import Document

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


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

    model_config = ConfigDict(extra="forbid", strict=True)

    dataset: Sha256
    place: Literal["folder", "s3", "r2"]
    files: int = Field(ge=1)


class TableRecord(BaseModel):
    """A table that `nightdesk data --trades` made of a trader's logs."""

    model_config = ConfigDict(extra="forbid", strict=True)

    dataset: Sha256
    name: str = Field(min_length=1, max_length=32)
    interval: str = Field(pattern="^[1-9][0-9]{0,6}s$", description="The length of a bar.")
    first: Annotated[AwareDatetime, Field(strict=False)]
    last: Annotated[AwareDatetime, Field(strict=False)]
    rows: int = Field(ge=1)
    parameters: dict[str, str | int | float]
    logs: LogsRecord
