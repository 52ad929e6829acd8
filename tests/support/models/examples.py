"""An example of every kind of model: the inputs it is trained on and those that come after, one trained model each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from data_pipeline.inputs import Inputs
from evaluation.audit.leak_audit import FitRecord, Span
from tests.support.markets import followed_universe, planted_trader
from tests.support.markets.easy import QUICK, decided_inputs, easy_task
from tests.support.models import small_types
from trainers import ArtifactFacts, Model, TrainingContext, TrainingTask, registry, save_artifact
from trainers.interface import ModelType

SMALL = tuple(kind.name for kind in small_types.SMALL_TYPES)
NAMES = (*registry.names(), *SMALL)
_WHOLE = {
    "analyst_ensemble": decided_inputs,
    "policy_cloner": decided_inputs,
    "portfolio": followed_universe.inputs,
    "small_universe": small_types.universe,
    "small_trader": small_types.markets,
    "decision_transformer": planted_trader.inputs,
}
_SMALL_NET = {"hidden": 8, "window": 7, "max_epochs": 6, "batch_size": 32, "lr": 0.01, "dropout": 0.0, "margin": 0.2}
_SMALL_CNN = {**_SMALL_NET, "layers": 2}
_SMALL_POLICY = {"hidden_dim": 16, "batch_size": 32, "lr": 0.01, "max_epochs": 12}
_PARAMS = {
    "analyst_ensemble": {"policy_cloner": _SMALL_POLICY},
    "decision_transformer": planted_trader.SMALL_PARAMS,
    "policy_cloner": _SMALL_POLICY,
    "portfolio": {"lookback": 40, "rebalance": 5, "volatility_target": 0.2, "signs": "long_short", "band": 0.01},
    "lstm": _SMALL_NET,
    "transformer": _SMALL_NET,
    "cnn": _SMALL_CNN,
    "ensemble_predictor": {"lstm": _SMALL_NET, "transformer": _SMALL_NET, "cnn": _SMALL_CNN},
}


@dataclass(frozen=True, eq=False)
class Example:
    """A model type with all inputs of its subject, of which the first two thirds are for training."""

    name: str
    inputs: Inputs
    task: TrainingTask

    @property
    def model_type(self) -> ModelType:
        """The type itself."""
        with small_types.registered():
            return registry.get(self.name)

    @property
    def unseen(self) -> Inputs:
        """Everything, as the model is shown it when it decides."""
        return self.inputs.for_decisions()

    def train(self, seed: int = 3) -> Training:
        """Train it, and write down what the training reports."""
        fits: list[FitRecord] = []
        progress: list[tuple[float, str]] = []
        scores: list[tuple[int, float]] = []
        context = TrainingContext(
            seed=seed,
            record_fit=fits.append,
            progress=lambda fraction, message: progress.append((fraction, message)),
            report_value=lambda step, value: scores.append((step, value)),
            members={name: trained(name) for name in self.model_type.needs.members},
        )
        return Training(self.model_type.train(self.task, context), fits, progress, scores)

    @property
    def span(self) -> Span:
        """Its training span."""
        return Span(self.task.train_start, self.task.train_end)


@cache
def example(name: str) -> Example:
    """The example of a model type."""
    if name in QUICK:
        return Example(name, small_types.easy_inputs(), easy_task(name))
    whole = _WHOLE.get(name, small_types.easy_inputs)()
    times = whole.times
    start, end = times[len(times) // 10], times[len(times) * 2 // 3]
    with small_types.registered():
        params = registry.validate_params(name, _PARAMS.get(name, {}))
    task = TrainingTask(whole.until(end), start.to_pydatetime(), end.to_pydatetime(), "test", params)
    return Example(name, whole, task)


@dataclass(frozen=True, eq=False)
class Training:
    """A trained model, and what its training declared to have fitted, its progress and its validation scores."""

    model: Model
    fits: list[FitRecord]
    progress: list[tuple[float, str]]
    scores: list[tuple[int, float]]


@cache
def training_of(name: str, seed: int = 3) -> Training:
    """A training of that type with that seed, done once for all tests of a process."""
    return example(name).train(seed)


def trained(name: str) -> Model:
    """A model of that type."""
    return training_of(name).model


def save(name: str, folder: Path) -> ArtifactFacts:
    """Publish the trained model as an artefact in `folder`, its members first in folders beside it."""
    model_example = example(name)
    members = {}
    for member in model_example.model_type.needs.members:
        members[member] = folder.parent / f"{folder.name}-{member}"
        save(member, members[member])
    facts = facts_of(model_example.task, name, members)
    with small_types.registered():
        save_artifact(folder, trained(name), facts)
    return facts


def facts_of(task: TrainingTask, name: str, members: Mapping[str, Path] | None = None) -> ArtifactFacts:
    """What the manifest of a model of that type says of its training."""
    return ArtifactFacts(
        model_type=name,
        version="v1",
        params=task.params,
        inputs=task.inputs,
        dataset=task.inputs.dataset,
        provenance=task.provenance,
        train_start=task.train_start,
        train_end=task.train_end,
        trained_at=datetime(2024, 1, 2, tzinfo=UTC),
        settings_fingerprint="0" * 64,
        seed=3,
        training_window=1825,
        members=members or {},
    )


@contextmanager
def everything_registered() -> Iterator[None]:
    """The registered types and the small ones."""
    with small_types.registered():
        yield
