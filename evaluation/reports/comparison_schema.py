"""The parts of model_comparison.json, and `Comparison`, which holds them all."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from data_pipeline.provenance import ProvenanceField
from evaluation.records.standing import Standing
from evaluation.statistics.overfitting import Overfitting

State = Literal["champion", "challenger", "retired", "rejected", "baseline"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Row(_Part):
    """One model or baseline: its figures (units as in reports), with the reason for each that is null."""

    name: str
    model_type: str | None
    version: str | None
    state: State
    standing: Standing | None  # of its recipe; None for baselines
    figures: dict[str, float | int | None]
    reasons: dict[str, str]


class SymbolComparison(_Part):
    """The models on the bars of one symbol, best Sharpe ratio first, then the baselines, and the recommendation."""

    symbol: str
    provenance: ProvenanceField
    first: str
    last: str
    bars: int
    rows: list[Row]
    recommended: str | None
    recommendation: str
    overfitting: Overfitting | None  # of selecting the model with the best Sharpe ratio
    overfitting_reason: str | None
    left_out: dict[str, str]  # the reason for each model that could not be run


class Comparison(_Part):
    """What model_comparison.json holds."""

    schema_version: Literal[2] = 2
    created_at: datetime
    symbols: list[SymbolComparison]
