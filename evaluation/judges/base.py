"""What a judge is given, and what it promises."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from config.errors import NightdeskError
from config.settings import Settings
from data_pipeline.inputs import Inputs
from evaluation.gate import Outcome
from evaluation.judges.judged_version import JudgedVersion
from evaluation.reports.schema import Subject


@dataclass(frozen=True, eq=False)
class Case:
    """What is to be judged: a challenger, the champion if the two can be compared, and the inputs of their subject.

    The bars after both training spans are those that neither has seen.
    """

    inputs: Inputs
    challenger: JudgedVersion
    champion: JudgedVersion | None
    settings: Settings

    @property
    def unseen_from(self) -> datetime:
        """The first close after the end of every side's training span."""
        sides = [side for side in (self.challenger, self.champion) if side is not None]
        return first_unseen(self.inputs, *(side.trained.last for side in sides))


@dataclass(frozen=True)
class Finding:
    """The figures of one version on the unseen bars, and the verdict on it with the codes of its reasons."""

    metrics: dict[str, Any]
    verdict: Outcome
    reasons: tuple[str, ...]


class Judgement(Protocol):
    """How a case ended."""

    challenger: Finding
    champion: Finding | None
    first: datetime
    last: datetime

    def write_report(self, folder: Path, subject: Subject, created_at: datetime) -> None:
        """Write the report of the challenger into `folder`."""


class Judge(Protocol):
    """Decides whether a challenger earned its place; it moves nothing."""

    name: str

    def judge(self, case: Case) -> Judgement:
        """Judge a case on the bars that neither side has seen; the same case gives the same judgement."""


def first_unseen(inputs: Inputs, *training_ends: datetime) -> datetime:
    """The first close after all of these ends of training; fewer than two closes are too few to judge by."""
    unseen = inputs.times[inputs.times > pd.Timestamp(max(training_ends))]
    if len(unseen) < 2:
        raise NightdeskError(
            "evaluation.too_short",
            f"Only {len(unseen)} bars of {inputs.subject} are newer than what the models were trained on.",
            "Wait for new bars, or raise training_params.holdout.",
        )
    first: datetime = unseen[0].to_pydatetime()
    return first
