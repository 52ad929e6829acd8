"""Evidence: how far the metrics of a report can be trusted, each part None where it was not measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from evaluation.forecasts.evidence import ForecastEvidence
from evaluation.imitation.controls import Control
from evaluation.monitoring.decision_quality import DecisionQuality
from evaluation.monitoring.drift import Drift
from evaluation.portfolio.evidence import PortfolioEvidence
from evaluation.reports.learned import Learned
from evaluation.signals import Signals
from evaluation.statistics.baselines import RandomBaseline
from evaluation.statistics.bootstrap import Intervals
from evaluation.statistics.cost_sensitivity import CostSensitivity
from evaluation.statistics.significance import Significance
from evaluation.statistics.slices import Slices


@dataclass(frozen=True)
class Leaks:
    """The leak audit of a model's training: its findings, and what was checked."""

    clean: bool
    findings: list[dict[str, Any]]
    checked: dict[str, Any]


@dataclass(frozen=True)
class FeatureImportance:
    """The importance of each feature for the model's decisions; `measure` names what the numbers are."""

    measure: str
    features: dict[str, float]


@dataclass(frozen=True)
class ModelSelection:
    """From how many seeds and checkpoints the model was selected, by Sharpe ratio on validation bars not trained on.

    Args:
        first: the first validation bar.
        last: the last validation bar.
        bars: how many validation bars there are.
        seeds: how many trainings, each with its own seed, there were.
        checkpoints: how many checkpoints they had together.
        selected: the Sharpe ratio of the selected checkpoint. One that never trades has 0, a ruined one None.
        low: the lowest Sharpe ratio of the best checkpoint of each seed.
        high: the highest of these.
        mean: their mean.
        buy_and_hold: the Sharpe ratio of buying and holding on the same bars.
        learned: whether the selected checkpoint beat cash there; None of models trained before this was recorded.
        learned_reason: the same in a sentence.
    """

    first: str
    last: str
    bars: int
    seeds: int
    checkpoints: int
    selected: float | None
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
    """Compare the signs of positions on the bars where the expert's is known; None where it is known on none."""
    expert = teacher.reindex(signals.index).dropna()
    if expert.empty:
        return None
    model_sign = np.sign(signals.position.loc[expert.index])
    cells = (3 * (np.sign(expert) + 1) + model_sign + 1).to_numpy(np.int64)
    counts: list[list[int]] = np.bincount(cells, minlength=9).reshape(3, 3).tolist()
    return ExpertConfusion(counts)


@dataclass(frozen=True)
class Attention:
    """How much a network attends to what (columns) when it decides what (rows), on average; each row adds up to 1."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Check:
    """One item of the checklist that a version should pass before money follows it.

    Args:
        name: the key of the item: one of `evaluation.reports.checklist.ITEMS`, or another in lower case with
            underscores, which joins the checklist behind these.
        measured: the figure, if there is one.
        required: what is asked of it, in words with its unit, such as `above 70 %`.
        passed: None where it was not measured.
        note: in a sentence what was measured and on which bars, or why nothing was.
        unit: of the figure: `%`, `ms` or nothing.
    """

    name: str
    measured: float | None
    required: str
    passed: bool | None
    note: str = ""
    unit: str = ""


@dataclass(frozen=True)
class AccountFigures:
    """What an account came to; None where a figure is undefined. Return and drawdown are in percent."""

    sharpe_ratio: float | None
    total_return: float | None
    max_drawdown: float | None


@dataclass(frozen=True)
class MemberComparison:
    """A model of members and the same model without one of them, over the same bars that neither was trained on.

    Args:
        member: the name of the member.
        first: the first of the bars.
        last: the last of the bars.
        bars: how many bars there are.
        whole: the figures of the model with all its members.
        without: the figures without this one.
        p_value: of the hypothesis that the member adds nothing to the mean return, nor to that beyond what is held on
            average; None of models trained before this was measured.
    """

    member: str
    first: str
    last: str
    bars: int
    whole: AccountFigures
    without: AccountFigures
    p_value: float | None = None


@dataclass(frozen=True)
class ModelEvidence:
    """What a model type reports of one of its versions; None where it measures no such thing.

    `controls` are other models that were trained on the same data and measured on the same later markets. `checks` are
    items of the checklist that the model type alone can measure; `comparisons` one for each of its members; `forecast`
    is how far it missed, of one that forecasts.
    """

    feature_importance: FeatureImportance | None = None
    model_selection: ModelSelection | None = None
    controls: dict[str, Control] | None = None
    attention: Attention | None = None
    checks: tuple[Check, ...] = ()
    comparisons: tuple[MemberComparison, ...] = ()
    forecast: ForecastEvidence | None = None


@dataclass(frozen=True)
class Evidence:
    """All evidence on one model from bars that it was not trained on.

    Args:
        significance: the significance of its Sharpe ratio, corrected for all trials.
        intervals: confidence intervals of its Sharpe ratio, total return and drawdown.
        random_baseline: its rank among random traders of the same turnover.
        model_selection: from how many seeds and checkpoints it was selected before it was judged.
        costs: its metrics where trading costs less or more.
        slices: its metrics by market regime, by year, and during falls of the market.
        leaks: the leak audit of its training.
        feature_importance: the importance of each of its features.
        drift: how far its features and decisions have moved since training.
        decision_quality: its agreement with its expert, and whether its confidence is calibrated and pays.
        expert_confusion: the confusion matrix of its positions and its expert's.
        checklist: what it should pass before money follows it, item by item.
        comparisons: with and without each of its members, where it is made of members.
        learned: whether it decides better than rules that have learned nothing.
        forecast: how far it missed beside forecasts that learn nothing, of one that forecasts.
        portfolio: what it held and what each symbol made, where it is one account over several symbols.
        absent: the reason why a part is None, by the part's name.
    """

    significance: Significance | None = None
    intervals: Intervals | None = None
    random_baseline: RandomBaseline | None = None
    model_selection: ModelSelection | None = None
    costs: CostSensitivity | None = None
    slices: Slices | None = None
    leaks: Leaks | None = None
    feature_importance: FeatureImportance | None = None
    drift: Drift | None = None
    decision_quality: DecisionQuality | None = None
    expert_confusion: ExpertConfusion | None = None
    checklist: tuple[Check, ...] = ()
    comparisons: tuple[MemberComparison, ...] = ()
    learned: Learned | None = None
    forecast: ForecastEvidence | None = None
    portfolio: PortfolioEvidence | None = None
    absent: dict[str, str] = field(default_factory=dict)
