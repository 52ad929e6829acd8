"""When a model is retrained for a reason, besides the schedule."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field

from config.section import Section
from config.settings.types import Duration, no_repeats

RetrainingReason = Literal["degradation", "drift", "regime", "age"]
# In the order of their urgency.
REASONS: tuple[RetrainingReason, ...] = get_args(RetrainingReason)


class Retraining(Section):
    """The reasons for which a model is retrained out of turn, and how often at most."""

    on: Annotated[tuple[RetrainingReason, ...], Field(strict=False), AfterValidator(no_repeats)] = Field(
        default=REASONS,
        description=(
            "Reasons for which a model is retrained besides the schedule: `degradation` (an alert on its accuracy),"
            " `drift` (an alert on its drift), `regime` (another volatility or direction of the market than in its"
            " training), `age`. An empty list leaves training to the schedule."
        ),
    )
    max_age: Duration = Field(
        default=timedelta(days=91),
        description="Age from which a model of a symbol that trades at an exchange or on weekdays is retrained.",
    )
    max_age_always_open: Duration = Field(
        default=timedelta(days=30),
        description="Age from which a model of a symbol that trades around the clock, or of a trader, is retrained.",
    )
    regime_bars: int = Field(
        default=5,
        ge=1,
        le=250,
        description="Bars in a row that another regime of the market must last before it counts as a change.",
    )
    cool_down: Duration = Field(
        default=timedelta(days=7),
        description="Time after a retraining for a reason in which the same model is not retrained for another.",
    )
    nightly_budget: int = Field(
        default=10, ge=1, description="Models that are retrained for a reason in 24 hours; the most urgent come first."
    )
