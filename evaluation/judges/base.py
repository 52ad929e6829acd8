"""What a judge is given, and what it promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from config.settings import Settings
from data_pipeline.inputs import Inputs
from evaluation import verdicts
from evaluation.gate import Verdict
from evaluation.judges.judged_version import JudgedVersion
from evaluation.records.continuity import Likeness
from evaluation.records.record import Record
from evaluation.records.standing import Standing
from evaluation.reports.schema import Subject


@dataclass(frozen=True, eq=False)
class Case:
    """A version that asks for a place, and everything by which it is judged.

    Args:
        kind: as what it asks: see evaluation.gate.
        inputs: those of its subject; `record` is that of its recipe over their bars.
        challenger: the version.
        standing: what the evidence says of its recipe, and `sentence` the same in words.
        champion: the version that serves, in a refresh and a challenge; `champion_record` is that of its recipe.
        rehearsals: how alike retrainings of the recipe were when they were rehearsed.
        challenges: how many challenges there have been for this place, this one counted.
        tried: how many recipes the home has tried.
        sample_teacher: whether it learned from a made-up expert where the champion's is real.
        pinned: whether a person holds the champion in its place.
    """

    kind: verdicts.CaseKind
    inputs: Inputs
    challenger: JudgedVersion
    record: Record
    standing: Standing
    sentence: str
    settings: Settings
    champion: JudgedVersion | None = None
    champion_record: Record | None = None
    rehearsals: Sequence[Likeness] = ()
    challenges: int = 0
    tried: int = 1
    sample_teacher: bool = False
    pinned: bool = False


class Judgement(Protocol):
    """How a case ended."""

    metrics: dict[str, Any]
    verdict: Verdict
    first: datetime
    last: datetime

    def write_report(self, folder: Path, subject: Subject, created_at: datetime) -> None:
        """Write the report of the version into `folder`."""


class Judge(Protocol):
    """Decides whether a version takes the place it asks for; it moves nothing."""

    name: str

    def judge(self, case: Case) -> Judgement:
        """Judge a case; the same case gives the same judgement."""
