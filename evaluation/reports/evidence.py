"""Evidence: what speaks for and against the figures of a report, each part None where it was not measured."""

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
    """The leak audit of the training that made the model: what was found, and what was checked."""

    clean: bool
    findings: list[dict[str, Any]]
    checked: dict[str, Any]


@dataclass(frozen=True)
class FeatureImportance:
    """How much each feature weighs in the model's decisions, and what these numbers measure."""

    measure: str
    features: dict[str, float]


@dataclass(frozen=True)
class ModelSelection:
    """From how many seeds and checkpoints the model was selected, by Sharpe ratio on validation bars not trained on.

    `low`, `high` and `mean` are over the best checkpoint of each seed, of which there are `checkpoints` in all; what
    never trades counts as 0, what was ruined not at all. `learned` is whether the chosen one beat cash there, and
    `learned_reason` says it in a sentence; both are None of models trained before this was recorded.
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
    learned: bool | None = None
    learned_reason: str | None = None


@dataclass(frozen=True)
class ExpertConfusion:
    """Confusion matrix of positions, in bars: the expert's in rows, the model's in columns, each short, flat, long."""

    counts: list[list[int]]


def expert_confusion(signals: Signals, teacher: pd.Series) -> ExpertConfusion | None:
    """Compare positions on the bars where the expert's is known; None where it is known on none of them."""
    held = teacher.reindex(signals.index).dropna()
    if held.empty:
        return None
    sides = np.sign(signals.position.loc[held.index])
    places = (3 * (np.sign(held) + 1) + sides + 1).to_numpy(np.int64)
    counts: list[list[int]] = np.bincount(places, minlength=9).reshape(3, 3).tolist()
    return ExpertConfusion(counts)


@dataclass(frozen=True)
class ModelEvidence:
    """What a model type reports of one of its versions; None where it measures no such thing."""

    feature_importance: FeatureImportance | None = None
    model_selection: ModelSelection | None = None


@dataclass(frozen=True)
class Evidence:
    """All evidence on one model from bars that it was not trained on.

    Args:
        significance: how significant its Sharpe ratio is, all attempts counted.
        intervals: the bounds between which its figures are believed to lie.
        luck: how it compares with random traders of the same turnover.
        choice: from how many seeds and checkpoints it was selected before it was judged.
        costs: what it would have earned, had trading cost less or more.
        slices: how it did by market regime, by year, and while the market fell.
        leaks: the leak audit of its training.
        weights: its feature importance.
        drift: how far its features and decisions have moved since training.
        behaviour: whether its confidence means anything, and how often it agrees with its expert.
        beside: the confusion matrix of its positions and its expert's.
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
    beside: ExpertConfusion | None = None
    absent: dict[str, str] = field(default_factory=dict)
