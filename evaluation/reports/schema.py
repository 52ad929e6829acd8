"""The parts of report.json, and `Report`, which holds them all. report.schema.json is its JSON schema."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from data_pipeline.provenance import ProvenanceField
from evaluation.metrics.formulas import Reason
from evaluation.metrics.summary import Unit
from evaluation.records.figures import RecordFigures
from evaluation.records.standing import Standing
from evaluation.reports.evidence import Evidence
from evaluation.verdicts import CaseKind, Outcome


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Subject(_Part):
    """The version that was judged, and its training; further fields that the caller gives are preserved."""

    model_config = ConfigDict(frozen=True, extra="allow")

    symbol: str
    model_type: str
    version: str
    provenance: ProvenanceField
    champion: str | None = None
    interval: str | None = None
    dataset: str | None = None
    trained_on: tuple[str, str] | None = None  # the first and the last bar


class Span(_Part):
    """The bars of its record."""

    first: str
    last: str
    bars: int
    periods_per_year: float | None


class Terms(_Part):
    """The money and the costs it was judged with."""

    initial_cash: float
    commission: float
    slippage: float
    borrow: float
    commission_minimum: float = 0.0
    cash_interest: float = 0.0


class Decision(_Part):
    """What the version asked for, the outcome, the codes of its reasons, the same in a sentence, and the figures."""

    case: CaseKind
    outcome: Outcome
    reasons: list[str]
    sentence: str
    figures: dict[str, Any]


class StandingPart(_Part):
    """What the evidence says of the recipe, among how many that were tried, and the figures of its record."""

    standing: Standing
    sentence: str
    tried: int
    record: RecordFigures


class Report(_Part):
    """What report.json holds; report.schema.json is its JSON schema. What is undefined is null, with its reason."""

    schema_version: Literal[3]
    created_at: datetime
    subject: Subject
    span: Span
    terms: Terms
    units: dict[str, Unit]
    metrics: dict[str, dict[str, float | int | str | dict[str, Reason] | None]]
    standing: StandingPart
    decision: Decision
    evidence: Evidence
    files: dict[str, str]  # the name of each and its sha256
