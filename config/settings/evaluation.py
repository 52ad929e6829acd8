"""Costs, walk-forward and promotion."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

from config.section import Section
from config.settings.types import Duration, Rate


class CostParams(Section):
    """Trading costs and interest, in every backtest and every reward."""

    commission: Rate = Field(default=0.001, description="Commission, as a share of the traded value.")
    slippage: Rate = Field(default=0.0005, description="Slippage, as a share of the traded value.")
    borrow: Rate = Field(default=0.0, description="Yearly fee on the value of short positions, as a share.")
    commission_minimum: float = Field(default=0.0, ge=0.0, description="Least commission of one order, in money.")
    cash_interest: Rate = Field(
        default=0.0,
        description=(
            "Yearly interest on positive cash without the proceeds of short sales, as a share; Sharpe ratios are "
            "of returns in excess of it."
        ),
    )
    initial_cash: float = Field(default=100_000.0, gt=0.0, description="Money that a backtest begins with.")


class WalkForwardParams(Section):
    """Folds of the record of a recipe, in bars: trained on the past, tested on what follows, again and again."""

    train: int = Field(
        default=504,
        ge=1,
        description=(
            "Bars that the first fold trains on, and the least of any; later ones train as far back as the recipe does "
            "when it serves, `training_params.lookback_days`."
        ),
    )
    test: int = Field(
        default=63, ge=1, description="Bars that each fold is tested on, directly after those it trained on."
    )
    step: int | None = Field(
        default=None, ge=1, description="Bars from the start of one test to the next; `null` is the length of a test."
    )
    purge: int = Field(
        default=5, ge=0, description="Bars left out between training and test: as many as labels look ahead."
    )
    embargo: int = Field(default=5, ge=0, description="Further bars left out between training and test.")
    anchored: bool = Field(
        default=False,
        description="Whether each fold trains on everything since the first bar, however far the recipe looks back.",
    )


class RecordParams(Section):
    """How far the records of recipes are computed, and when."""

    folds: int = Field(
        default=8,
        ge=1,
        description=(
            "Yearly folds, the newest ones, of model types that take long to train, such as agents; others have every "
            "fold that the history holds."
        ),
    )
    nightly_budget: Duration = Field(
        default=timedelta(hours=1),
        description="How long folds are computed in one night, behind the signals; the rest follows in the next.",
    )


class AuditParams(Section):
    """What the job `audit` simulates: homes without skill, to count how many the rules above call proven."""

    homes: int = Field(
        default=40, ge=1, le=10_000, description="Simulated homes in each kind of market; 40 take about 20 minutes."
    )
    seed: int = Field(default=0, ge=0, description="Of everything random; the same seed gives the same result.")


class Promotion(Section):
    """What a model must show before it serves."""

    confidence: float = Field(
        default=0.95,
        gt=0.5,
        le=0.999,
        description=(
            "Confidence with which a recipe is called proven or refuted, adjusted for every recipe that this home has "
            "tried; meant per year of nights."
        ),
    )
    serve: Literal["unproven", "proven"] = Field(
        default="unproven",
        description=(
            "Whether the newest sound version of a recipe that is not refuted serves, marked as unproven, or only that "
            "of a proven recipe."
        ),
    )
    min_trades: int = Field(
        default=5, ge=1, description="Completed trades on its record without which a recipe proves nothing."
    )
    min_sharpe_gain: float | None = Field(
        default=None, ge=0.0, description="Has no effect any more: records are compared bar by bar."
    )
    max_extra_drawdown: float | None = Field(
        default=None, ge=0.0, description="Has no effect any more: drawdowns raise alerts, they choose no model."
    )

    @property
    def without_effect(self) -> tuple[str, ...]:
        """The keys that are given though they have no meaning any more."""
        return tuple(name for name in ("min_sharpe_gain", "max_extra_drawdown") if getattr(self, name) is not None)
