"""Evidence: what speaks for and against the figures of a report, each part None where nobody looked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from evaluation.baselines import Luck
from evaluation.behaviour import Behaviour
from evaluation.bootstrap import Intervals
from evaluation.drift import Drift
from evaluation.sensitivity import CostSensitivity
from evaluation.signals import Sell, Signals, positions_from_actions
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
class Choice:
    """Among what the model was chosen, on validation bars that none of it had learned from, by its Sharpe ratio there.

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


def beside_expert(signals: Signals, expert: pd.Series, sell: Sell = "exit") -> Beside | None:
    """Count them from the expert's first action on; None where it did nothing before these bars end."""
    held = pd.Series(positions_from_actions(expert.to_numpy(), sell), index=expert.index)
    known = held[(expert != 0).cummax()].reindex(signals.index).dropna()
    if known.empty:
        return None
    sides = np.sign(signals.position.loc[known.index])
    places = (3 * (np.sign(known) + 1) + sides + 1).to_numpy(np.int64)
    counts: list[list[int]] = np.bincount(places, minlength=9).reshape(3, 3).tolist()
    return Beside(counts)


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
    choice: Choice | None = None
    costs: CostSensitivity | None = None
    slices: Slices | None = None
    leaks: Leaks | None = None
    weights: Weights | None = None
    drift: Drift | None = None
    behaviour: Behaviour | None = None
    beside: Beside | None = None
    absent: dict[str, str] = field(default_factory=dict)
