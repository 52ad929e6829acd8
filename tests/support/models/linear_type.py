"""A model type that trains in a moment: the sign of a linear forecast of the next return, with faults to be planted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd

from config.section import Section
from data_pipeline.bars.bars import Bars
from data_pipeline.inputs import Inputs
from evaluation.audit.leak_audit import FitRecord
from evaluation.reports.evidence import ModelEvidence
from evaluation.signal_model import NO_REQUEST, Request
from evaluation.signals import Signals
from trainers import registry
from trainers.interface import ModelFacts, TrainingContext, TrainingTask
from trainers.manifest import Manifest
from trainers.needs import Needs
from trainers.safe_files import read_tensors, tensor_bytes

LINEAR = "linear"
FEATURES = ("change_1", "change_3", "change_9", "from_mean")


class LinearParams(Section):
    """The ridge penalty, by which recipes differ."""

    penalty: float = 1e-6


def features_of(bars: Bars) -> pd.DataFrame:
    """Changes of the log price over some bars, and the distance from its mean of twenty."""
    price = np.log(bars.frame["close"])
    changes = {f"change_{bars_back}": price.diff(bars_back) for bars_back in (1, 3, 9)}
    return pd.DataFrame({**changes, "from_mean": price - price.rolling(20, min_periods=1).mean()}).fillna(0.0)


@dataclass(frozen=True, eq=False)
class LinearModel:
    """Long where the forecast is positive, else short; the surer, the farther from zero."""

    weights: np.ndarray

    @property
    def facts(self) -> ModelFacts:
        return ModelFacts(metrics={}, features=FEATURES)

    @property
    def flipped(self) -> LinearModel:
        """The same model with a sign error."""
        return replace(self, weights=-self.weights)

    def features(self, inputs: Inputs) -> Mapping[str, pd.DataFrame]:
        return {name: features_of(bars) for name, bars in inputs.bars.items()}

    def decide(self, inputs: Inputs, request: Request = NO_REQUEST) -> Mapping[str, Signals]:
        forecasts = {
            name: sum(table[column] * weight for column, weight in zip(FEATURES, self.weights, strict=True))
            for name, table in self.features(inputs).items()
        }
        return {name: Signals(np.sign(one), np.tanh(one.abs() * 100.0)) for name, one in forecasts.items()}

    def save(self, folder: Path) -> None:
        (folder / "weights.safetensors").write_bytes(tensor_bytes({"weights": self.weights}, {}))


class LinearType:
    """Fits the next return by least squares."""

    name = LINEAR
    description = "The sign of a linear forecast."
    params = LinearParams
    judge = "backtest"
    needs = Needs(min_bars=30)

    def train(self, task: TrainingTask, context: TrainingContext) -> LinearModel:
        table = features_of(task.bars).loc[task.train_start : task.train_end]
        coming = np.log(task.bars.frame["close"]).diff().shift(-1).reindex(table.index)
        rows, labels = table.iloc[:-1], coming.iloc[:-1]
        context.record_fit(FitRecord("weights", rows.index, table.index[1:]))
        return LinearModel(
            fit(rows.to_numpy(), labels.to_numpy(), LinearParams.model_validate(task.params.model_dump()))
        )

    def load(self, folder: Path) -> LinearModel:
        return LinearModel(read_tensors(folder / "weights.safetensors")[0]["weights"])

    def evidence(self, manifest: Manifest) -> ModelEvidence:
        return ModelEvidence()

    def teacher_positions(self, inputs: Inputs, manifest: Manifest) -> dict[str, pd.Series]:
        return {}

    def search_space(self, params: Section) -> dict[str, object]:
        return {}


def fit(rows: np.ndarray, labels: np.ndarray, params: LinearParams) -> np.ndarray:
    """The weights of a ridge regression without a constant."""
    weights: np.ndarray = np.linalg.solve(rows.T @ rows + params.penalty * np.eye(rows.shape[1]), rows.T @ labels)
    return weights


def with_shuffled_labels(bars: Bars) -> LinearModel:
    """The model of a training whose labels were shuffled."""
    rows, coming = features_of(bars).iloc[:-1], np.log(bars.frame["close"]).diff().iloc[1:].to_numpy()
    return LinearModel(fit(rows.to_numpy(), np.random.default_rng(1).permutation(coming), LinearParams()))


@contextmanager
def linear_registered() -> Iterator[None]:
    """The type as if it were registered."""
    entry = registry._Entry(
        LinearType.description, f"{__name__}:LinearParams", f"{__name__}:LinearType", LinearType.needs
    )
    with patch.dict(registry._REGISTERED, {LINEAR: entry}):
        yield
