"""The interface of every model type: its needs, its training, its decisions and its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from config.errors import NightdeskError
from config.section import Section
from evaluation.signal_model import SignalModel
from trainers.needs import Needs

if TYPE_CHECKING:
    import pandas as pd

    from data_pipeline.bars.bars import Bars
    from data_pipeline.inputs import Inputs, Kind
    from evaluation.audit.leak_audit import FitRecord
    from evaluation.reports.evidence import ModelEvidence
    from trainers.manifest import Manifest
    from trainers.search_space import SearchSpace

# Called with the fraction done, 0 to 1, and a message.
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class TrainingTask:
    """One model to train. `inputs` begin before `train_start`, so that features are warm, and end by `train_end`."""

    inputs: Inputs
    train_start: datetime
    train_end: datetime
    provenance: str
    params: Section

    def __post_init__(self) -> None:
        times = self.inputs.times
        if len(times) and times[-1] > self.train_end:
            raise NightdeskError(
                "training.future",
                f"{self.subject}: the bars reach {times[-1]}, beyond the training end {self.train_end}.",
                "Give the task inputs.until(train_end); what comes later is for judging.",
            )

    @property
    def subject(self) -> str:
        """What the model makes signals for: a symbol, the universe or a trader."""
        return self.inputs.subject

    @property
    def bars(self) -> Bars:
        """The bars of the one symbol, for model types of that scope."""
        return self.inputs.only

    def require(self, needs: Needs) -> None:
        """Refuse the task if the span or a kind of data that it needs is not there."""
        bars = len(self.inputs.since(self.train_start)) if len(self.inputs) else 0
        if bars < needs.min_bars:
            raise NightdeskError(
                "training.too_few_bars",
                f"{self.subject} has {bars} bars from {self.train_start:%Y-%m-%d} to {self.train_end:%Y-%m-%d}; "
                f"this model type needs {needs.min_bars}.",
                "Raise training_params.lookback_days, or pull a longer history.",
                found=bars,
                needed=needs.min_bars,
            )
        for kind in sorted(needs.data):
            self._require_kind(kind)

    def _require_kind(self, kind: Kind) -> None:
        if kind == "expert_log":
            if not self.inputs.expert_logs:
                raise NightdeskError(
                    "expert_log.missing",
                    f"{self.subject} has no expert trade log, and this model type learns from one.",
                    f"Put a CSV with the columns date,action at data/experts/{self.subject}.csv.",
                )
        elif kind != "bars" and not self.inputs.events(kind):
            raise NightdeskError(
                f"{kind}.missing",
                f"{self.subject} has no {kind.replace('_', ' ')}, and this model type learns from one.",
                f"Configure a source of {kind.replace('_', ' ')}s and let a data_update bring them.",
            )


def no_progress(_fraction: float, _message: str) -> None:
    """Ignore the progress."""


def _never() -> bool:
    return False


def _unaudited(_fit: FitRecord) -> None:
    """Ignore the record of a fit: nothing is audited."""


def _unreported(_step: int, _value: float) -> None:
    """Ignore the validation score."""


@dataclass(frozen=True)
class TrainingContext:
    """The environment of a training: seed, device, progress, a request to stop, checkpoints to resume from.

    Args:
        record_fit: must be called with a record of everything that was fitted or selected (forests, networks, scalers,
            thresholds) and its rows: a training that records nothing does not pass the leak audit.
        checkpoints: a folder in which a long training stores how far it is; the next training of the same version gets
            the same folder, resumes from it, and must end with what an undisturbed training ends with.
        measure: whether the training should also measure itself on bars that it holds back from a model of its own. The
            model that it returns is the same; the folds of a record need no such measurement.
        members: the trained models of `Needs.members`, by model type.
        untrained: why each of the other members could not be trained.
        budget: how long the training may take; None is as long as it needs.
        report_value: called with a step and the validation score reached there, by which a search prunes trials.
        should_prune: whether the search wants to end this trial early.
    """

    seed: int = 42
    device: Literal["auto", "cpu", "cuda"] = "cpu"
    progress: Progress = no_progress
    should_stop: Callable[[], bool] = _never
    record_fit: Callable[[FitRecord], None] = _unaudited
    checkpoints: Path | None = None
    iteration: int = 0
    measure: bool = True
    members: Mapping[str, Model] = field(default_factory=dict)
    untrained: Mapping[str, str] = field(default_factory=dict)
    budget: timedelta | None = None
    report_value: Callable[[int, float], None] = _unreported
    should_prune: Callable[[], bool] = _never

    def report(self, fraction: float, message: str) -> None:
        """Report how far the training is, and end it here if its end was requested."""
        self.progress(fraction, message)
        self.end_if_requested(fraction, message)

    def end_if_requested(self, fraction: float, message: str) -> None:
        """End the training here if its end was requested; what it resumes from must have been stored before."""
        if self.should_stop():
            raise NightdeskError(
                "training.stopped",
                f"The training was stopped at {fraction:.0%} ({message}), as asked.",
                "Start it again; nothing was published.",
            )

    def report_score(self, step: int, value: float) -> None:
        """Report a validation score to the search, and end the training here if the search prunes the trial."""
        self.report_value(step, value)
        if self.should_prune():
            raise NightdeskError(
                "training.pruned",
                f"The search ended this trial after step {step}, where its score was {value:.6g}.",
                "Nothing was published; the search goes on with other parameters.",
                step=step,
                value=value,
            )


@dataclass(frozen=True)
class ModelFacts:
    """How a model was made.

    Args:
        metrics: the metrics of the training, JSON-able; each model type has its own.
        features: the names of its features, in their order.
        device: on which it was trained.
        libraries: the distributions that it was trained with, besides those that serve every model.
        issues: the training data that could not be used, by name of the issue; empty if there is none.
    """

    metrics: dict[str, Any]
    features: tuple[str, ...]
    device: str = "cpu"
    libraries: tuple[str, ...] = ()
    issues: dict[str, Any] = field(default_factory=dict)


class Model(SignalModel, Protocol):
    """A signal model that reports how it was made and can be stored; loaded again, it decides the same to the bit."""

    @property
    def facts(self) -> ModelFacts:
        """How it was made."""

    def save(self, folder: Path) -> None:
        """Write .safetensors and .json files, nothing executable, into an existing folder."""


class ModelType(Protocol):
    """A named way to make signals."""

    name: str
    description: str
    params: type[Section]
    needs: Needs
    judge: str  # the name of the judge that its versions are judged by; see evaluation.judges

    def train(self, task: TrainingTask, context: TrainingContext) -> Model:
        """Fit a model on the task's span; the same task and seed give the same model."""

    def load(self, folder: Path) -> Model:
        """Read what `save` wrote, checking everything before it is used."""

    def evidence(self, manifest: Manifest) -> ModelEvidence:
        """The evidence of one version's training for reports: feature importance, model selection."""

    def teacher_positions(self, inputs: Inputs, manifest: Manifest) -> Mapping[str, pd.Series]:
        """The positions of the model's teacher by symbol or market, where it has one and they are known."""

    def search_space(self, params: Section) -> SearchSpace:
        """The params that a search may vary, by their dotted names, around `params`."""
