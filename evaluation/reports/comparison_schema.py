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
    """One model or baseline: its figures (units as in reports), and why one of them is null."""

    name: str
    model_type: str | None
    version: str | None
    state: State
    standing: Standing | None  # of its recipe; None for baselines
    figures: dict[str, float | int | None]
    reasons: dict[str, str]


class SymbolComparison(_Part):
    """Everyone on the bars of one symbol, best Sharpe ratio first, and what follows from it."""

    symbol: str
    provenance: ProvenanceField
    first: str
    last: str
    bars: int
    rows: list[Row]
    recommended: str | None
    recommendation: str
    overfitting: Overfitting | None  # what choosing the best of these models by its Sharpe ratio is worth
    overfitting_reason: str | None
    left_out: dict[str, str]  # models that could not be run, and why


class Comparison(_Part):
    """What model_comparison.json holds."""

    schema_version: Literal[2] = 2
    created_at: datetime
    symbols: list[SymbolComparison]
