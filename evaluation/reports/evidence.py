"""Evidence: what speaks for and against the figures of a report, each part None where nobody looked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from evaluation.monitoring.behaviour import Behaviour
from evaluation.monitoring.drift import Drift
from evaluation.signals import Signals
from evaluation.statistics.baselines import Luck
from evaluation.statistics.bootstrap import Intervals
from evaluation.statistics.cost_sensitivity import CostSensitivity
from evaluation.statistics.significance import Significance
from evaluation.statistics.slices import Slices


@dataclass(frozen=True)
class Leaks:
    """The leak audit of the training that made the model: what was found, and what was looked at to know."""

    clean: bool
    findings: list[dict[str, Any]]
    checked: dict[str, Any]


@dataclass(frozen=True)
class FeatureImportance:
    """How much each feature counts in what the model decides, and what these numbers measure."""

    measure: str
    features: dict[str, float]


@dataclass(frozen=True)
class ModelSelection:
    """Among what the model was selected, by its Sharpe ratio on validation bars that none of it had learned from.

    `low`, `high` and `mean` are over the best checkpoint of each seed, of which there are `checkpoints` in all; what
    never trades counts as 0, what was ruined not at all.
    """

    first: str
    last: str
    bars: int
    seeds: int
    checkpoints: int
    chosen: float | None
    low: float | None
    high: float | None
    mean: float | None
    buy_and_hold: float | None


@dataclass(frozen=True)
class Beside:
    """On how many bars the expert held what (rows: short, flat, long) while the model held what (columns)."""

    counts: list[list[int]]


def beside_expert(signals: Signals, teacher: pd.Series) -> Beside | None:
    """Count them where it is known what the expert held; None where that is known of none of these bars."""
    held = teacher.reindex(signals.index).dropna()
    if held.empty:
        return None
    sides = np.sign(signals.position.loc[held.index])
    places = (3 * (np.sign(held) + 1) + sides + 1).to_numpy(np.int64)
    counts: list[list[int]] = np.bincount(places, minlength=9).reshape(3, 3).tolist()
    return Beside(counts)


@dataclass(frozen=True)
class ModelEvidence:
    """What a model type says of one of its versions in a report; None where it measures nothing of the kind."""

    feature_importance: FeatureImportance | None = None
    model_selection: ModelSelection | None = None


@dataclass(frozen=True)
class Evidence:
    """Everything that was found out about one model on bars that it had not seen.

    Args:
        significance: what its Sharpe ratio is worth, all attempts counted.
        intervals: the bounds between which its figures are believed to lie.
        luck: how it stands among traders by lot.
        choice: among how many it was chosen before anybody judged it.
        costs: what it would have earned, had trading cost less or more.
        slices: how it did by market regime, by year, and while the market fell.
        leaks: whether what it was trained on knew the future.
        weights: which features it decides from.
        drift: how far what it sees and does has moved since training.
        behaviour: whether its confidence means anything, and how often it agrees with its expert.
        beside: what it held while its expert held what.
        absent: why a part of this is None.
    """

    significance: Significance | None = None
    intervals: Intervals | None = None
    luck: Luck | None = None
    choice: ModelSelection | None = None
    costs: CostSensitivity | None = None
    slices: Slices | None = None
    leaks: Leaks | None = None
    weights: FeatureImportance | None = None
    drift: Drift | None = None
    behaviour: Behaviour | None = None
    beside: Beside | None = None
    absent: dict[str, str] = field(default_factory=dict)
