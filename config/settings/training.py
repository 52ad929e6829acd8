"""How models train."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from config.section import Section


class TrainingParams(Section):
    """Length of training, and its data."""

    steps: int = Field(default=100_000, ge=1, description="Training steps, for model types that count steps.")
    episodes: int = Field(
        default=200, ge=1, description="Training episodes, for model types that count episodes; none of today's does."
    )
    iterations: int = Field(
        default=1, ge=1, le=100, description="Model versions trained of each symbol and model type in one run."
    )
    lookback_days: int = Field(
        default=1825, ge=30, description="Days of history that a version learns from, up to the last closed bar."
    )
    holdout: float = Field(
        default=0.2,
        gt=0.0,
        lt=0.9,
        description=(
            "Share of the history, its newest part, over which the record of a recipe is computed first, "
            "so that there are figures on the first night."
        ),
    )
    seed: int = Field(
        default=42, ge=0, description="Seed of every random number; the same seed and data give the same model."
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto",
        description=(
            "Where networks train; `auto` is the CPU for the small networks of agents. Models always serve on the CPU."
        ),
    )
