"""How the logs of traders become bars, labels and actions to learn from."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from config.section import Section
from config.settings.types import Duration, Names, no_repeats

Pattern = Annotated[str, Field(pattern=r"^[A-Za-z0-9*?._\[\]-]{1,128}$")]
TargetReturn = Annotated[float, Field(ge=-1.0, le=100.0)]


class TraderParams(Section):
    """How traders' logs are read; a trader's models and the table of its decisions are made of the same markets."""

    markets: Names[Pattern] = Field(
        default=("*",), description="Which markets are read, by their slugs: patterns such as `btc-*`."
    )
    bar: Duration | None = Field(
        default=None,
        description=(
            "Length of a bar, in whole seconds; `null` is the shortest with which the commonest contract fits into"
            " `window` bars."
        ),
    )
    window: int = Field(default=128, ge=2, le=4096, description="Bars of a market that a model sees at once.")
    barriers: Literal["fixed", "fitted"] = Field(
        default="fixed",
        description=(
            "Barriers of the labels: `fixed` are `profit`, `stop` and `patience`; `fitted` are those of the trader's"
            " own exits in the markets that are learnt from, or the fixed ones where there are too few."
        ),
    )
    profit: float = Field(default=0.02, gt=0.0, le=1000.0, description="Return at which a label is a profit.")
    stop: float = Field(default=0.02, gt=0.0, le=1.0, description="Loss at which a label is a stop, as a share.")
    patience: int = Field(default=20, ge=1, le=100_000, description="Bars after which a label is neither.")
    strong: float = Field(
        default=0.8, ge=0.0, lt=1.0, description="Quantile of traded amounts from which on an action is strong."
    )
    train_share: float = Field(
        default=0.8, gt=0.0, le=1.0, description="Share of the markets, the oldest, that the table learns from."
    )
    stale_after: Duration = Field(
        default=timedelta(days=7),
        description="Age of a trader's newest fill from which on its bucket counts as stale, unless `as_of` is `data`.",
    )
    target_returns: Annotated[
        tuple[TargetReturn, ...], Field(strict=False, max_length=8), AfterValidator(no_repeats)
    ] = Field(
        default=(),
        description=(
            "Returns to the end of the market, such as 0.02, for which signals are published each night, besides"
            " those of the return that a model takes by default."
        ),
    )

    @model_validator(mode="after")
    def _whole_seconds(self) -> TraderParams:
        if self.bar is not None and (self.bar.total_seconds() % 1 or self.bar.total_seconds() > 86_400):
            raise ValueError("bar must be whole seconds, 1d at most")
        return self

    @property
    def bar_seconds(self) -> int | None:
        """The length of a bar in seconds."""
        return None if self.bar is None else int(self.bar.total_seconds())
