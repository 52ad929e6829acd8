"""What every kind of model promises: how it is trained, what it says of bars, how it is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from config.errors import NightdeskError
from config.settings import Section

if TYPE_CHECKING:
    import pandas as pd

    from data_pipeline.bars import Bars
    from data_pipeline.trade_logs import ExpertLog
    from evaluation.leaks import Learned
    from evaluation.signals import Signals


# Called with how much is done, 0 to 1, and a word on it.
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Needs:
    """What a model type cannot be trained without."""

    expert_log: bool = False
    min_bars: int = 2


@dataclass(frozen=True)
class TrainingTask:
    """One model to train. `bars` begins before `train_start`, so that indicators are warm, and ends by `train_end`."""

    symbol: str
    bars: Bars
    train_start: datetime
    train_end: datetime
    expert_log: ExpertLog | None
    provenance: str
    params: Section

    def __post_init__(self) -> None:
        if len(self.bars) and self.bars.frame.index[-1] > self.train_end:
            raise NightdeskError(
                "training.future",
                f"{self.symbol}: the bars reach {self.bars.frame.index[-1]}, beyond the training end {self.train_end}.",
                "Give the task bars.until(train_end); what comes later is for judging.",
            )

    def require(self, needs: Needs) -> None:
        """Refuse the task if the span or the expert log it needs is not there."""
        found = len(self.bars.since(self.train_start))
        if found < needs.min_bars:
            raise NightdeskError(
                "training.too_few_bars",
                f"{self.symbol} has {found} bars from {self.train_start:%Y-%m-%d} to {self.train_end:%Y-%m-%d}; "
                f"this model type needs {needs.min_bars}.",
                "Raise training_params.lookback_days, or pull a longer history.",
                found=found,
                needed=needs.min_bars,
            )
        if needs.expert_log and self.expert_log is None:
            raise NightdeskError(
                "expert_log.missing",
                f"{self.symbol} has no expert trade log, and this model type learns from one.",
                f"Put a CSV with the columns date,action at data/experts/{self.symbol}.csv.",
            )


def unheard(_fraction: float, _message: str) -> None:
    """Progress that nobody listens to."""


def _never() -> bool:
    return False


def _untold(_learned: Learned) -> None:
    """Nobody audits what was learned."""


@dataclass(frozen=True)
class TrainingContext:
    """What surrounds a training: its seed and device, who listens, who may stop it, where it may resume from.

    A training that takes long keeps in `checkpoints`, if there is such a folder, how far it has come; the next one of
    the same version is given the same folder, goes on from there, and must give what an undisturbed one gives.

    `learned` must be told of everything that was fitted or chosen (forests, networks, scalers, thresholds), with the
    rows it was learned from: a training that tells nothing does not pass the leak audit.
    """

    seed: int = 42
    device: Literal["auto", "cpu", "cuda"] = "cpu"
    progress: Progress = unheard
    should_stop: Callable[[], bool] = _never
    learned: Callable[[Learned], None] = _untold
    checkpoints: Path | None = None
    trial: int = 0

    def report(self, fraction: float, message: str) -> None:
        """Tell how far the training is, and end it here if its end was asked for."""
        self.progress(fraction, message)
        self.end_if_asked(fraction, message)

    def end_if_asked(self, fraction: float, message: str) -> None:
        """End the training here if its end was asked for; what is to be gone on from was kept before."""
        if self.should_stop():
            raise NightdeskError(
                "training.stopped",
                f"The training was stopped at {fraction:.0%} ({message}), as asked.",
                "Start it again; nothing was published.",
            )


class Model(Protocol):
    """A trained model. Equal bars give equal signals, to the last bit, also after `save` and `load`."""

    @property
    def facts(self) -> dict[str, Any]:
        """JSON-able: `metrics` measured while training, and `features` in their order.

        Where a model was trained by more than what serves it: `device` ("cpu", if it is not told), and `libraries`.
        """

    def features(self, bars: Bars) -> pd.DataFrame:
        """What `signals` decides from, for the leak audit: named columns of numbers, a row a bar, NaN in warm-ups."""

    def signals(self, bars: Bars) -> Signals:
        """A position and a confidence for each bar, each decided with that bar's close and nothing later."""

    def save(self, folder: Path) -> None:
        """Write `weights.safetensors` and `model.json`, nothing executable, into an existing folder."""


class ModelType(Protocol):
    """A named way to make signals."""

    name: str
    description: str
    params: type[Section]
    needs: Needs

    def train(self, task: TrainingTask, context: TrainingContext) -> Model:
        """Fit a model on the task's span; the same task and seed give the same model."""

    def load(self, folder: Path) -> Model:
        """Read what `save` wrote, checking everything before it is used."""
