"""The desk's model type `policy_cloner`: a network that learns a teacher's decisions on one symbol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from config.section import Section
from data_pipeline.offline.dataset import ACTION_NAMES, OfflineDataset
from data_pipeline.policy_states.states import NAMES
from evaluation.audit.leak_audit import FitRecord, Span
from evaluation.reports.checklist import accuracy_gap, loss_gap, validation_accuracy
from evaluation.reports.evidence import Check, FeatureImportance, ModelEvidence
from trainers.cloning.policy.config import PolicyClonerParams
from trainers.common.writable import require_writable
from trainers.interface import TrainingContext, TrainingTask
from trainers.policy_cloner.model import ModelDescription, PolicyClonerModel, load_model
from trainers.policy_cloner.teacher import decisions_of, is_recorded, positions_of, training_dataset
from trainers.registry import describe, needs
from trainers.search_space import OneOf, Range, SearchSpace

if TYPE_CHECKING:
    from data_pipeline.inputs import Inputs
    from trainers.cloning.policy.network.serving import ServedPolicy
    from trainers.cloning.policy.training.epochs import Epoch
    from trainers.cloning.policy.training.fitting import OnEpoch
    from trainers.manifest import Manifest

NAME = "policy_cloner"
_MEASURE = "loss of agreement with the teacher when the number of the state is shuffled"
_SELECTING = 0.7  # the share of a training's progress in which the epoch is selected


class PolicyClonerType:
    """Clones the decisions recorded for a symbol, or those of a strategy's analysts.

    The epoch is selected on the newest part of the span; the network that serves learns from all of it for as long.
    """

    name = NAME
    description = describe()[NAME]
    params = PolicyClonerParams
    needs = needs(NAME)
    judge = "backtest"

    def train(self, task: TrainingTask, context: TrainingContext) -> PolicyClonerModel:
        """Select the epoch, measure there, and train on the whole span."""
        from trainers.cloning.policy.training.fitting import Fit, facts, resolved_device  # noqa: PLC0415 -- torch
        from trainers.cloning.policy.training.samples import Samples, split  # noqa: PLC0415 -- it imports torch
        from trainers.cloning.policy.training.trainer import agreement, require_actions  # noqa: PLC0415 -- the same

        task.require(self.needs)
        params = PolicyClonerParams.model_validate(task.params.model_dump())
        dataset = _dataset(task, params)
        context.report(0.0, f"{len(dataset):,} decisions to learn from")
        require_actions(dataset.counts, f"the decisions on {task.subject}")
        train, validation = split(dataset, params)
        require_actions(dataset.rows(train).counts, f"the older decisions on {task.subject}")
        device, seed = resolved_device(context.device), context.seed if params.seed == "desk" else params.seed
        older, newer, every = (
            Samples.of(part, device) for part in (dataset.rows(train), dataset.rows(validation), dataset)
        )
        files = _Files.of(context.checkpoints)
        watch = _Watch(context, params.max_epochs)
        selected = Fit(params, seed, older, newer, files.selecting).run(on_epoch=watch.selecting)
        epochs = selected.history.best.number
        served = Fit(params, seed, every, None, files.serving).run(epochs, watch.serving(epochs)).network.served()
        tested = selected.network.served()
        on_training, on_validation = (agreement(tested, dataset.rows(rows)) for rows in (train, validation))
        metrics: dict[str, Any] = {
            **facts(selected.history),
            "teacher": "recorded decisions" if is_recorded(task.inputs) else params.strategy,
            "decisions": dict(zip(ACTION_NAMES, dataset.counts.tolist(), strict=True)),
            "train_action_acc": on_training.accuracy,
            "val_action_acc": on_validation.accuracy,
            "validation": asdict(on_validation),
        }
        if context.measure:
            metrics["permutation_importance"] = importance(tested, dataset.rows(validation), seed)
        for fit in _fit_records(dataset, train, validation, params):
            context.record_fit(fit)
        description = ModelDescription(
            sell=params.sell,
            history_start=task.bars.frame.index[0].to_pydatetime(),
            device=str(device),
            metrics=metrics,
        )
        context.report(1.0, f"learned from {len(dataset):,} decisions over {epochs} epochs")
        return PolicyClonerModel(served, description)

    def load(self, folder: Path) -> PolicyClonerModel:
        """Read what `save` wrote."""
        return load_model(folder)

    def evidence(self, manifest: Manifest) -> ModelEvidence:
        """The importance of each number of the state, and how well it agreed with its teacher."""
        metrics = manifest.metrics
        importances = metrics.get("permutation_importance")
        return ModelEvidence(
            feature_importance=FeatureImportance(_MEASURE, importances) if importances else None,
            checks=tuple(_checks(metrics)),
        )

    def teacher_positions(self, inputs: Inputs, manifest: Manifest) -> Mapping[str, pd.Series]:
        """The positions of the teacher's decisions: recorded ones, else those of the strategy's analysts."""
        if not inputs.bars:
            return {}
        params = PolicyClonerParams.model_validate(manifest.params)
        positions = positions_of(decisions_of(inputs, params.strategy), params.sell)
        return {inputs.only.symbol: positions} if len(positions) else {}

    def search_space(self, params: Section) -> SearchSpace:  # noqa: ARG002 -- the same whatever is configured
        """Width, depth and how the network is fitted."""
        return {
            "hidden_dim": OneOf((32, 64, 128, 256)),
            "num_layers": Range(1, 4, integer=True),
            "dropout": Range(0.05, 0.4),
            "lr": Range(1e-4, 5e-3, log=True),
            "weight_decay": Range(1e-6, 1e-2, log=True),
            "loss": OneOf(("plain", "weighted", "focal")),
        }


@dataclass(frozen=True)
class _Files:
    """Where the two fits store how far they are."""

    selecting: Path | None
    serving: Path | None

    @classmethod
    def of(cls, folder: Path | None) -> _Files:
        if folder is None:
            return cls(None, None)
        require_writable(folder)
        return cls(folder / "selecting.safetensors", folder / "serving.safetensors")


class _Watch:
    """Reports how far both fits are, and the validation scores of the first."""

    def __init__(self, context: TrainingContext, epochs: int) -> None:
        self._context, self._epochs = context, epochs

    def selecting(self, epoch: Epoch) -> None:
        """After an epoch of the fit that selects."""
        self._context.report(_SELECTING * epoch.number / self._epochs, f"selecting the epoch: {epoch.message}")
        if epoch.val_acc is not None:
            self._context.report_score(epoch.number, epoch.val_acc)

    def serving(self, epochs: int) -> OnEpoch:
        """A function to call after an epoch of the fit that serves."""

        def report(epoch: Epoch) -> None:
            done = _SELECTING + (0.99 - _SELECTING) * epoch.number / epochs
            self._context.report(done, f"learning from every decision: {epoch.message}")

        return report


def _dataset(task: TrainingTask, params: PolicyClonerParams) -> OfflineDataset:
    return training_dataset(
        task.inputs, params.strategy, params.sell, task.train_start, with_rewards=params.network == "multi_task"
    )


def importance(policy: ServedPolicy, dataset: OfflineDataset, seed: int) -> dict[str, float]:
    """The agreement with the teacher that is lost when each number of the states is shuffled over the rows."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(dataset))

    def agreeing(states: np.ndarray[Any, Any]) -> float:
        return float((policy.decide(states)[0].argmax(axis=1) == dataset.actions).mean())

    whole, lost = agreeing(dataset.states), {}
    for column, name in enumerate(NAMES):
        states = dataset.states.copy()
        states[:, column] = states[order, column]
        lost[name] = whole - agreeing(states)
    return lost


def _fit_records(
    dataset: OfflineDataset, train: np.ndarray[Any, Any], validation: np.ndarray[Any, Any], params: PolicyClonerParams
) -> Iterator[FitRecord]:
    """The decisions that each fit learned from. A decision is known at its close; outlooks look `HORIZON` ahead."""
    from trainers.cloning.policy.training.samples import HORIZON  # noqa: PLC0415 -- it imports torch

    times = pd.DatetimeIndex(np.asarray(dataset.times), tz="UTC")
    ahead = HORIZON if params.network == "multi_task" else 0
    ends = times[np.minimum(np.arange(len(times)) + ahead, len(times) - 1)]
    measured = Span(times[validation[0]].to_pydatetime(), times[validation[-1]].to_pydatetime())
    yield FitRecord("network", times, ends)
    yield FitRecord("epoch", times[train], ends[train], measured_span=measured)


def _checks(metrics: Mapping[str, Any]) -> Iterator[Check]:
    """The items of the checklist that its training measured, all on the newest decisions of the span."""
    validation = metrics["validation"]
    accuracy, majority, kappa = 100.0 * validation["accuracy"], 100.0 * validation["majority"], validation["kappa"]
    rows = f"{validation['rows']} newest decisions of its span"
    yield validation_accuracy(accuracy, f"On the {rows}.")
    yield loss_gap(metrics["train_loss"], metrics["best_val_loss"])
    yield accuracy_gap(100.0 * metrics["train_action_acc"], accuracy)
    beyond, required = accuracy - majority, "15 points above the most frequent action, or a kappa of 0.4"
    passed = beyond >= 15.0 or (kappa is not None and kappa >= 0.4)
    agreed = "undefined" if kappa is None else f"{kappa:.2f}"
    note = f"The most frequent action is {majority:.1f} % of the {rows}; kappa is {agreed}."
    yield Check("beyond_the_most_frequent_action", beyond, required, passed, note)
