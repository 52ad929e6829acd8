"""The desk's model types `lstm`, `transformer` and `cnn`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from config.section import Section
from data_pipeline.features.registry import DEFAULT_FEATURES
from evaluation.audit.leak_audit import FitRecord, Span
from evaluation.forecasts.evidence import ForecastEvidence
from evaluation.reports.evidence import ModelEvidence
from trainers.forecast.data import Parts, Samples
from trainers.forecast.forecaster import Forecaster
from trainers.forecast.measurement import measure
from trainers.forecast.model import DESCRIPTION, WEIGHTS, ForecastModel, ModelDescription
from trainers.forecast.params import ForecastParams, Network
from trainers.forecast.table import Table
from trainers.interface import TrainingContext, TrainingTask
from trainers.needs import Needs
from trainers.registry import describe, needs, params_of
from trainers.safe_files import described, read_json
from trainers.search_space import OneOf, Range, SearchSpace

if TYPE_CHECKING:
    from data_pipeline.inputs import Inputs
    from trainers.manifest import Manifest
    from trainers.nets.history import Epoch


@dataclass(frozen=True, eq=False)
class NetworkModel(ForecastModel):
    """A model of one network."""

    def save(self, folder: Path) -> None:
        """Write the arrays and `model.json`."""
        super().save(folder)
        cast("Forecaster", self.forecaster).save(folder / WEIGHTS)


class _ForecastType:
    """Forecasts returns by a network, and trades where more is expected than trading costs.

    The number of epochs is selected on the newest part of the span; the network that serves learns from all of it.
    """

    name: Network
    description: str
    params: type[Section]
    needs: Needs
    judge = "backtest"

    def __init_subclass__(cls) -> None:
        cls.description, cls.needs, cls.params = describe()[cls.name], needs(cls.name), params_of(cls.name)

    def train(self, task: TrainingTask, context: TrainingContext) -> NetworkModel:
        """Measure on the newest part if that is wanted, select the epoch, and learn from the whole span."""
        from trainers.forecast.training import Recipe  # noqa: PLC0415 -- torch

        task.require(self.needs)
        params = cast("ForecastParams", self.params.model_validate(task.params.model_dump()))
        recipe = Recipe(self.name, params.features or DEFAULT_FEATURES, params, context.seed, context.device)
        samples = samples_of(task, params)
        metrics = self._measured(recipe, samples, context) if context.measure else {}
        watch = _Watch(context, params.max_epochs, 1.0 / 3.0 if context.measure else 0.0)
        selected, history = recipe.select(samples, _file(context, "selecting"), watch.selecting)
        context.record_fit(_fit("network to select the epoch", samples, samples.split(params.validation)))
        epochs = history.best.number
        calibration = selected.description.calibration
        forecaster = recipe.learn(samples, epochs, calibration, _file(context, "serving"), watch.learning(epochs))
        context.record_fit(FitRecord("network", samples.known, samples.complete))
        best = {"best_epoch": epochs, "epochs": len(history.epochs), "train_loss": history.best.train_loss}
        description = ModelDescription(
            features=recipe.features,
            sell=params.sell,
            margin=params.margin,
            costs=params.costs,
            metrics={**best, "val_loss": history.best.val_loss, "reliance": calibration.reliance, **metrics},
        )
        context.report(1.0, f"learned from {len(samples.ends):,} windows over {epochs} epochs")
        return NetworkModel(forecaster, description)

    def _measured(self, recipe: Any, samples: Samples, context: TrainingContext) -> dict[str, Any]:
        """What a network of its own, which has not seen the newest part, forecasts there."""
        parts = samples.split(recipe.config.test)
        watch = _Watch(context, recipe.config.max_epochs, 0.0)
        forecaster, _ = recipe.select(samples.only(parts.learned), _file(context, "measured"), watch.measuring)
        context.record_fit(_fit("measured network", samples, parts))
        later = samples.only(parts.later)
        forecast = forecaster.standardised(samples.features, later.ends).scaled(later.usual)
        return {"forecast": measure(forecast, samples, parts, recipe.config.horizon, context.seed).to_dict()}

    def load(self, folder: Path) -> NetworkModel:
        """Read what `save` wrote."""
        description = described(DESCRIPTION, ModelDescription, read_json(folder / DESCRIPTION))
        return NetworkModel(Forecaster.load(folder / WEIGHTS), description)

    def evidence(self, manifest: Manifest) -> ModelEvidence:
        """How far it missed beside forecasts that learn nothing, where that was measured."""
        return forecast_evidence(manifest.metrics)

    def teacher_positions(self, inputs: Inputs, manifest: Manifest) -> Mapping[str, pd.Series]:  # noqa: ARG002
        """It has no teacher."""
        return {}

    def search_space(self, params: Section) -> SearchSpace:  # noqa: ARG002 -- the same whatever is configured
        """The width, how fast it learns, and how much dropout it bears."""
        return {
            "hidden": OneOf((8, 16, 32)),
            "lr": Range(3e-4, 1e-2, log=True),
            "dropout": Range(0.0, 0.4),
            "weight_decay": Range(1e-6, 1e-2, log=True),
        }


class LstmType(_ForecastType):
    """Long short-term memory."""

    name = "lstm"


class TransformerType(_ForecastType):
    """A transformer."""

    name = "transformer"


class CnnType(_ForecastType):
    """A convolutional network."""

    name = "cnn"


def samples_of(task: TrainingTask, params: ForecastParams) -> Samples:
    """The windows of the training span whose target was known at its end; windows may begin before the span."""
    table = Table.of(task.bars, params.features or DEFAULT_FEATURES, params.horizon)
    samples = Samples.of([table], params.window, params.horizon)
    return samples.only(samples.known.asi8 >= pd.Timestamp(task.train_start).value)


def forecast_evidence(metrics: Mapping[str, Any]) -> ModelEvidence:
    """The evidence in the metrics of a training; none where it was not measured."""
    measured = metrics.get("forecast")
    return ModelEvidence(forecast=ForecastEvidence.of(measured) if measured else None)


def _fit(name: str, samples: Samples, parts: Parts) -> FitRecord:
    """A fit on the older rows that is looked at on the newer ones."""
    learned, later = samples.only(parts.learned), samples.only(parts.later)
    span = Span(later.known.min().to_pydatetime(), later.known.max().to_pydatetime())
    return FitRecord(name, learned.known, learned.complete, span)


def _file(context: TrainingContext, stage: str) -> Path | None:
    return None if context.checkpoints is None else context.checkpoints / f"{stage}.safetensors"


@dataclass(frozen=True)
class _Watch:
    """Reports how far a training is, and lets it be ended after each epoch.

    `begun` is the share that is done before the epoch is selected.
    """

    context: TrainingContext
    epochs: int
    begun: float

    def measuring(self, epoch: Epoch) -> None:
        """After an epoch of the network that is measured."""
        self._report(0.0, 1.0 / 3.0, epoch, self.epochs, "measuring")

    def selecting(self, epoch: Epoch) -> None:
        """After an epoch of the network that selects."""
        self._report(self.begun, self._half, epoch, self.epochs, "selecting")
        if epoch.val_loss is not None:
            self.context.report_score(epoch.number, -epoch.val_loss)

    def learning(self, epochs: int) -> Callable[[Epoch], None]:
        """After an epoch of the network that serves."""
        return lambda epoch: self._report(self.begun + self._half, self._half, epoch, epochs, "learning")

    @property
    def _half(self) -> float:
        return (1.0 - self.begun) / 2.0

    def _report(self, begun: float, share: float, epoch: Epoch, epochs: int, stage: str) -> None:
        done = begun + share * min(epoch.number / epochs, 1.0)
        validated = "" if epoch.val_loss is None else f", on validation {epoch.val_loss:.4f}"
        self.context.report(min(done, 0.999), f"{stage}: epoch {epoch.number}, loss {epoch.train_loss:.4f}{validated}")
