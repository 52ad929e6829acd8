"""Evidence: what speaks for and against the figures of a report, each part None where nobody looked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from evaluation.baselines import Luck
from evaluation.bootstrap import Intervals
from evaluation.sensitivity import CostSensitivity
from evaluation.significance import Significance
from evaluation.slices import Slices


@dataclass(frozen=True)
class Leaks:
    """The leak audit of the training that made the model: what was found, and what was looked at to know."""

    clean: bool
    findings: list[dict[str, Any]]
    checked: dict[str, Any]


@dataclass(frozen=True)
class Weights:
    """How much each feature weighs in what the model decides, and what these numbers are."""

    measure: str
    features: dict[str, float]


@dataclass(frozen=True)
class Evidence:
    """Everything that was found out about one model on bars that it had not seen.

    Args:
        significance: what its Sharpe ratio is worth, all attempts counted.
        intervals: the bounds between which its figures are believed to lie.
        luck: how it stands among traders by lot.
        costs: what it would have earned, had trading cost less or more.
        slices: how it did by market regime, by year, and while the market fell.
        leaks: whether what it was trained on knew the future.
        weights: which features it decides from.
        absent: why a part of this is None.
    """

    significance: Significance | None = None
    intervals: Intervals | None = None
    luck: Luck | None = None
    costs: CostSensitivity | None = None
    slices: Slices | None = None
    leaks: Leaks | None = None
    weights: Weights | None = None
    absent: dict[str, str] = field(default_factory=dict)
