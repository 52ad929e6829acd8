"""The options of a single run: what it does differently from the settings."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, Field, ValidationError, ValidationInfo, field_validator, model_validator

from config.errors import UsageError
from config.names import UNIVERSE, is_trader_subject
from config.settings import Symbol
from daemon.domain.signals import TargetRequest
from daemon.domain.tasks import Document, Message


class Acceptance(Message):
    """A person accepts a history that its source has rewritten without an explanation.

    Runs that were recorded before these fields had their names call them `who` and `why`.
    """

    author: str = Field(default="api", min_length=1, max_length=64, validation_alias=AliasChoices("author", "who"))
    reason: str = Field(default="", max_length=500, validation_alias=AliasChoices("reason", "why"))


class ServingOrder(Message):
    """A person decides what serves in one place; the evidence keeps saying what it says.

    Without a `version`, a rollback goes to the one that served before, and a pin holds the one that serves.
    """

    action: Literal["promote", "rollback", "pin", "unpin"]
    subject: str = Field(min_length=1, max_length=96)
    model_type: str = Field(min_length=1, max_length=64)
    version: str | None = Field(default=None, min_length=1, max_length=64)
    author: str = Field(default="api", min_length=1, max_length=64)
    reason: str = Field(default="", max_length=255)

    @model_validator(mode="after")
    def _names_a_version(self) -> Self:
        if self.action == "promote" and self.version is None:
            raise ValueError("a promotion needs the version that shall serve")
        if self.action == "unpin" and self.version is not None:
            raise ValueError("unpin frees the place of the version that serves, and takes no version")
        return self


class BacktestOrder(Message):
    """A strategy, by its name and the content of its file, to be tried on past bars of symbols."""

    name: str = Field(min_length=1, max_length=64)
    strategy: Document
    symbols: list[Symbol] = Field(min_length=1, max_length=1000)
    start: Annotated[date, Field(strict=False)]
    end: Annotated[date, Field(strict=False)]

    @field_validator("end")
    @classmethod
    def _after_its_start(cls, end: date, info: ValidationInfo) -> date:
        if (start := info.data.get("start")) is not None and end <= start:
            raise ValueError(f"it is not after the start, {start}")
        return end


class RunOptions(Message):
    """What one run does differently from the settings; a field that is None leaves the setting as it is."""

    symbols: list[Symbol] | None = Field(default=None, min_length=1, max_length=1000)
    model_types: list[str] | None = Field(default=None, min_length=1, max_length=100)
    steps: int | None = Field(default=None, ge=1)
    episodes: int | None = Field(default=None, ge=1)
    iterations: int | None = Field(default=None, ge=1)
    lookback_days: int | None = Field(default=None, ge=1)
    device: Literal["auto", "cpu", "cuda"] | None = Field(default=None, description="Where networks train.")
    model_params: dict[str, Document] | None = Field(
        default=None, description="Params by model type, in place of those of the settings.", max_length=100
    )
    accept: Acceptance | None = Field(
        default=None, description="For data_update: replace the stored bars of `symbols` by those of the source."
    )

    places: list[str] | None = Field(
        default=None,
        min_length=1,
        max_length=10_000,
        description="For training: only these of the configured models, such as `AAPL/behavioral_cloner`.",
    )
    target: TargetRequest | None = Field(
        default=None, description="For signals: publish those of a return that somebody asks a trader's model for."
    )
    order: ServingOrder | None = Field(default=None, description="For promotion: what a person decides to serve.")
    backtest: BacktestOrder | None = Field(default=None, description="For backtest: the strategy, symbols and dates.")

    @model_validator(mode="after")
    def _names_what_it_accepts(self) -> Self:
        if self.accept is not None and not self.symbols:
            raise ValueError("accept needs symbols: a history is accepted by its name")
        return self

    def trains(self, subject: str, model_type: str) -> bool:
        """Whether a training with these options trains a configured model type of a subject."""
        if self.places is not None:
            return f"{subject}/{model_type}" in self.places
        of_symbols = (
            self.symbols is None or subject in self.symbols or subject == UNIVERSE or is_trader_subject(subject)
        )
        return of_symbols and (self.model_types is None or model_type in self.model_types)

    @classmethod
    def of(cls, **options: Any) -> Self:
        """Options as a person typed them; UsageError names the one that cannot be used."""
        try:
            return cls.model_validate(options)
        except ValidationError as error:
            raise unusable(error) from error

    def document(self) -> Document:
        """The options that are set, as a JSON object."""
        document: Document = self.model_dump(mode="json", exclude_none=True)
        return document


def unusable(error: ValidationError) -> UsageError:
    """The error of an option that cannot be used: its value, its name, and why."""
    fault = max(error.errors(), key=lambda details: len(details["loc"]))  # an item before the list it stands in
    name, reason = "/".join(map(str, fault["loc"])), fault["msg"].removeprefix("Value error, ")
    message = f"{fault['input']!r} cannot be used for {name}: {reason}."
    return UsageError("option.invalid", message, "Correct the option.")
