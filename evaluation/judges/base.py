"""What a judge is given, and what it promises: from how a history is cut to what becomes of a version.

A judge owns everything that depends on how versions are judged: how the history of a subject is cut into folds, what a
record is and what it is evidence of, how a case ends, and what is measured of what was published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

from config.settings import Settings
from data_pipeline.inputs import Inputs
from data_pipeline.provenance import Provenance
from evaluation import verdicts
from evaluation.gate import Verdict
from evaluation.imitation.figures import ImitationFigures
from evaluation.judges.judged_version import JudgedVersion
from evaluation.records.continuity import Likeness
from evaluation.records.figures import RecordFigures
from evaluation.records.folds import DecidedFold, FoldStore
from evaluation.records.live import LiveSignal
from evaluation.records.standing import Evidence, Standing
from evaluation.reports.comparison import ComparedVersion
from evaluation.reports.comparison_schema import SymbolComparison
from evaluation.reports.schema import Subject
from evaluation.signals import Signals
from evaluation.walk_forward import Fold


@dataclass(frozen=True)
class Training:
    """What the trainings of a recipe ask of its folds.

    Args:
        lookback: how far back it learns.
        min_bars: the least number of closes it learns from.
        costly: whether a training takes so long that there can be but a few.
    """

    lookback: timedelta
    min_bars: int
    costly: bool


class Plan(Protocol):
    """How a history is cut into folds."""

    def folds(self, inputs: Inputs) -> list[Fold]:
        """The folds of these inputs, in time order; none where they are too short for one."""

    def every_fold(self, inputs: Inputs) -> list[Fold]:
        """The same with those that are too old to be computed."""

    def grows(self, inputs: Inputs, fold: Fold) -> bool:
        """Whether the test of the newest fold is shorter than it will be."""


class JudgedRecord(Protocol):
    """What a recipe decided, and published, on bars that its models had not seen."""

    @property
    def first(self) -> datetime:
        """Its first bar."""

    @property
    def last(self) -> datetime:
        """Its last bar."""

    @property
    def decided(self) -> Mapping[str, Signals]:
        """Its signals, by symbol or market."""

    @property
    def live_from(self) -> datetime | None:
        """The first bar whose signal was published; None where there is none."""

    def metrics(self) -> dict[str, Any]:
        """Its metrics by name, and under `reasons` why some are undefined."""

    def since(self, time: datetime) -> Self | None:
        """The part from `time` on; None where that is too short."""

    def before(self, time: datetime) -> Self | None:
        """The part before `time`; None where that is too short."""


class Assessment(Protocol):
    """What a record is evidence of, and its figures."""

    @property
    def evidence(self) -> Evidence:
        """Its p-values."""

    @property
    def figures(self) -> RecordFigures | ImitationFigures:
        """What it comes to."""


RecordT = TypeVar("RecordT", bound=JudgedRecord)


@dataclass(frozen=True, eq=False)
class Case(Generic[RecordT]):
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
    record: RecordT
    standing: Standing
    sentence: str
    settings: Settings
    champion: JudgedVersion | None = None
    champion_record: RecordT | None = None
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


class Judge(Protocol[RecordT]):
    """Decides whether a version takes the place it asks for; it moves nothing."""

    name: str
    compares_with_teacher: bool  # whether a record needs to know by what a fold's model graded its teacher's actions

    def plan(self, inputs: Inputs, training: Training, settings: Settings, store: FoldStore) -> Plan:
        """How the history of a recipe is cut into folds."""

    def record(
        self, inputs: Inputs, folds: Sequence[DecidedFold], published: Sequence[LiveSignal], settings: Settings
    ) -> RecordT | None:
        """The record of these folds, in time order, continued by live signals; None where too short."""

    def assess(self, record: RecordT, settings: Settings, *, tried: int, seed: int = 0) -> Assessment:
        """Test a record as one of `tried`."""

    def judge(self, case: Case[RecordT]) -> Judgement:
        """Judge a case; the same case gives the same judgement."""

    def live_metrics(self, inputs: Inputs, published: Sequence[LiveSignal], settings: Settings) -> dict[str, Any]:
        """What can be measured of published signals by the bars that came after: metrics, and `reasons`."""

    def compare(
        self,
        subject: str,
        provenance: Provenance,
        records: Mapping[ComparedVersion, RecordT],
        left_out: Mapping[str, str],
        settings: Settings,
    ) -> SymbolComparison:
        """Compare the versions of one subject by the records of their recipes."""
