"""The desk's model type `behavioral_cloner`: the cloner of seed 0 over the features of bars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from config.section import Section
from data_pipeline.actions import ACTIONS
from data_pipeline.bars.bars import Bars
from data_pipeline.experts.expert_log import ExpertLog, label
from data_pipeline.features.registry import DEFAULT_FEATURES
from data_pipeline.labels.splits import Split, holdout
from data_pipeline.regimes.features import Features
from data_pipeline.regimes.model import RegimeDocument, RegimeModel
from evaluation.audit.leak_audit import FitRecord, Span
from evaluation.reports.checklist import accuracy_gap
from evaluation.reports.evidence import FeatureImportance, ModelEvidence
from evaluation.signal_model import SymbolModel
from evaluation.signals import Sell, Signals, positions_from_actions, positions_since_first_action
from trainers.cloning.behavioral.columns import FeatureColumns, within_range
from trainers.cloning.behavioral.config import BehavioralClonerConfig, BehavioralClonerParams, ForestConfig
from trainers.cloning.behavioral.flat_forest import FlatForest
from trainers.cloning.behavioral.forest import BehavioralCloner
from trainers.interface import ModelFacts, TrainingContext, TrainingTask
from trainers.registry import describe, needs
from trainers.safe_files import described, json_bytes, read_json, read_tensors, tensor_bytes
from trainers.search_space import OneOf, Range, SearchSpace

if TYPE_CHECKING:
    from data_pipeline.inputs import Inputs
    from trainers.manifest import Manifest

# The measures of feature importance, the most meaningful first.
IMPORTANCE = {
    "permutation_importance": "loss of accuracy when the feature is shuffled",
    "feature_importance": "share of the impurity that the feature's splits remove",
}
WEIGHTS, DESCRIPTION = "weights.safetensors", "model.json"
_ACTIONS = np.array(list(ACTIONS))


class ModelDescription(Section):
    """The content of `model.json`."""

    format: Literal[1] = 1
    features: tuple[str, ...] = Field(strict=False)
    sell: Sell
    size_by_confidence: bool
    metrics: dict[str, Any]
    issues: dict[str, Any] = Field(default_factory=dict)
    regimes: RegimeDocument | None = None


@dataclass(frozen=True, eq=False)
class BehavioralClonerModel(SymbolModel):
    """A trained forest and how its actions become positions."""

    forest: FlatForest
    description: ModelDescription

    @property
    def facts(self) -> ModelFacts:
        """What was measured while training, the features in their order, and the issues of the expert's log."""
        return ModelFacts(
            metrics=self.description.metrics, features=self.description.features, issues=self.description.issues
        )

    def bar_features(self, bars: Bars) -> pd.DataFrame:
        """The features of the forest."""
        regimes = self.description.regimes
        return Features(self.description.features, RegimeModel.of(regimes) if regimes else None).matrix(bars)

    def signals(self, bars: Bars) -> Signals:
        """Hold keeps the position, from flat before the first bar; a bar whose features are undefined is a hold."""
        matrix = self.bar_features(bars).to_numpy()
        defined = within_range(matrix).all(axis=1)
        actions, confidence = np.zeros(len(bars), dtype=np.int64), np.zeros(len(bars))
        proba = self.forest.predict_proba(matrix[defined])
        actions[defined], confidence[defined] = _ACTIONS[proba.argmax(axis=1)], proba.max(axis=1)
        position = positions_from_actions(actions, self.description.sell)
        if self.description.size_by_confidence:
            position = position * _of_last_trade(actions, confidence)
        index = bars.frame.index
        return Signals(pd.Series(position, index=index), pd.Series(confidence, index=index))

    def save(self, folder: Path) -> None:
        """Write the node arrays and `model.json`."""
        (folder / WEIGHTS).write_bytes(tensor_bytes(self.forest.tensors(), {}))
        (folder / DESCRIPTION).write_bytes(json_bytes(self.description.model_dump(mode="json")))


class BehavioralClonerType:
    """Clones an expert: features of bars, labels of a trade log, a random forest between them."""

    name = "behavioral_cloner"
    description = describe()["behavioral_cloner"]
    params = BehavioralClonerParams
    needs = needs("behavioral_cloner")
    judge = "backtest"

    def train(self, task: TrainingTask, context: TrainingContext) -> BehavioralClonerModel:
        """Measure on the last part of the span, if that is wanted, then fit on all of it."""
        task.require(self.needs)
        params = BehavioralClonerParams.model_validate(task.params.model_dump())
        names = params.features or DEFAULT_FEATURES
        features = Features.fit(names, task.bars.since(task.train_start))
        X, y, issues = _training_rows(task, features)
        config = _config(params, context.seed)
        cloner = BehavioralCloner(config)
        metrics: dict[str, Any] = {}
        times, measured = pd.DatetimeIndex(X.index), 0.5 if context.measure else 0.0
        if context.measure:
            split = holdout(len(X), config.test_size, config.purge)
            metrics = cloner.train_model(
                _measured_rows(task, features, X, times[split.train[-1]]),
                y,
                verbose=False,
                progress=lambda part, stage: context.report(part * measured, f"measuring, {stage}"),
            )
            context.report_score(1, metrics["test_accuracy"])
            context.record_fit(_measured_forest(times, split))
        cloner.fit(
            X, y, progress=lambda part, stage: context.report(measured + part * (1.0 - measured), f"fitting, {stage}")
        )
        context.record_fit(FitRecord("forest", times, times))  # what the expert did at a bar is known at that bar
        if features.regimes is not None:
            context.record_fit(_fitted_regimes(task, features.regimes))
        description = ModelDescription(
            features=features.names,
            regimes=features.regimes.document() if features.regimes else None,
            sell=params.sell,
            size_by_confidence=params.size_by_confidence,
            metrics=metrics,
            issues=issues,
        )
        return BehavioralClonerModel(cloner.forest, description)

    def load(self, folder: Path) -> BehavioralClonerModel:
        """Read what `save` wrote; the forest is checked node by node."""
        description = described(DESCRIPTION, ModelDescription, read_json(folder / DESCRIPTION))
        tensors, _ = read_tensors(folder / WEIGHTS)
        return BehavioralClonerModel(
            FlatForest.from_tensors(tensors, FeatureColumns(description.features)), description
        )

    def evidence(self, manifest: Manifest) -> ModelEvidence:
        """The feature importance, by the most meaningful measure in the manifest, and how much it learned by heart."""
        metrics = manifest.metrics
        measure = next((name for name in IMPORTANCE if metrics.get(name)), None)
        accuracies = [100.0 * metrics[name] for name in ("train_accuracy", "test_accuracy") if name in metrics]
        return ModelEvidence(
            FeatureImportance(IMPORTANCE[measure], metrics[measure]) if measure is not None else None,
            checks=(accuracy_gap(*accuracies),) if len(accuracies) == 2 else (),
        )

    def teacher_positions(self, inputs: Inputs, manifest: Manifest) -> Mapping[str, pd.Series]:
        """The expert's positions from its first action to its last."""
        sell = BehavioralClonerParams.model_validate(manifest.params).sell
        positions = {name: _expert_positions(inputs.bars[name], log, sell) for name, log in inputs.expert_logs.items()}
        return {name: position for name, position in positions.items() if len(position)}

    def search_space(self, params: Section) -> SearchSpace:  # noqa: ARG002 -- the same whatever is configured
        """The forest's size and the strength of its leaves."""
        return {
            "n_estimators": Range(50, 400, log=True, integer=True),
            "max_depth": Range(3, 20, integer=True),
            "min_samples_leaf": Range(1, 50, log=True, integer=True),
            "class_weight": OneOf(("balanced", None)),
        }


def _expert_positions(bars: Bars, log: ExpertLog, sell: Sell) -> pd.Series:
    """The expert's position at each bar between its first action and its last, where alone it is known."""
    actions, _ = label(bars, log)
    acted = actions.index[actions != 0]
    return positions_since_first_action(actions.loc[: acted[-1]] if len(acted) else actions.head(0), sell)


def _config(params: BehavioralClonerParams, seed: int) -> BehavioralClonerConfig:
    shared = params.model_dump(include=set(ForestConfig.model_fields))
    return BehavioralClonerConfig(**shared, random_state=seed % 2**32)


def _fitted_regimes(task: TrainingTask, regimes: RegimeModel) -> FitRecord:
    """The model of the regimes: fitted to the span, and again to the same bars of other inputs."""

    def again(inputs: Inputs) -> NDArray[np.float64]:
        return RegimeModel.fit(inputs.only.since(task.train_start), regimes.hmm.states).numbers()

    rows = pd.DatetimeIndex(task.bars.since(task.train_start).frame.index)
    return FitRecord("regimes", rows, rows, refit=(regimes.numbers(), again))


def _measured_rows(task: TrainingTask, features: Features, X: pd.DataFrame, until: pd.Timestamp) -> pd.DataFrame:
    """The same rows, by features that were fitted to the part before the one that is measured on."""
    if features.regimes is None:
        return X
    part = task.bars.since(task.train_start).until(until)
    return Features.fit(features.names, part).matrix(task.bars).loc[X.index]


def _training_rows(task: TrainingTask, features: Features) -> tuple[pd.DataFrame, pd.Series, dict[str, Any]]:
    """Features and labels of the bars in the span whose features are defined, and the issues of the log."""
    log = task.inputs.expert_logs[task.bars.symbol]
    matrix = features.matrix(task.bars)
    target, dates = label(task.bars, log)
    usable = (matrix.index >= task.train_start) & within_range(matrix.to_numpy()).all(axis=1)
    first, last = (
        pd.Timestamp(time).tz_convert("UTC").tz_localize(None) for time in (task.train_start, task.train_end)
    )
    without_bar = sum(first <= date <= last for date in dates)
    issues = {"dates_without_bar": without_bar, "duplicates": log.duplicates, "unknown_actions": log.unknown}
    return matrix[usable], target[usable], {name: issue for name, issue in issues.items() if issue}


def _measured_forest(times: pd.DatetimeIndex, split: Split) -> FitRecord:
    """The forest that is measured on the last part of the span."""
    measured = Span(times[split.test[0]].to_pydatetime(), times[split.test[-1]].to_pydatetime())
    rows = times[split.train]
    return FitRecord("measured forest", rows, rows, measured)


def _of_last_trade(actions: NDArray[np.int64], confidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """At each bar the confidence of the newest buy or sell, which sizes the position; 0 before the first."""
    newest = np.maximum.accumulate(np.where(actions != 0, np.arange(len(actions)), -1))
    return np.where(newest >= 0, confidence[newest], 0.0)
