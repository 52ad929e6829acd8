"""How models train."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from config.section import Section


class TrainingParams(Section):
    """How long and on how much data models train."""

    steps: int = Field(default=100_000, ge=1)
    episodes: int = Field(default=200, ge=1)
    iterations: int = Field(default=1, ge=1, le=100)
    lookback_days: int = Field(default=1825, ge=30)
    holdout: float = Field(default=0.2, gt=0.0, lt=0.9)
    seed: int = Field(default=42, ge=0)
    device: Literal["auto", "cpu", "cuda"] = "auto"
