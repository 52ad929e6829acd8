"""The desk's forecasting models: what they expect of one symbol, and the positions that follow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import pandas as pd
from pydantic import Field

from config.section import Section
from config.settings import CostParams
from data_pipeline.bars.bars import Bars
from data_pipeline.features.registry import feature_matrix
from evaluation.signal_model import SymbolModel
from evaluation.signals import Sell, Signals
from trainers.forecast.heads import Distribution
from trainers.forecast.rule import signals_of
from trainers.interface import ModelFacts
from trainers.safe_files import json_bytes

DESCRIPTION, WEIGHTS = "model.json", "weights.safetensors"


class ModelDescription(Section):
    """The content of `model.json`: how forecasts become positions, and what was measured."""

    format: Literal[1] = 1
    features: tuple[str, ...] = Field(strict=False)
    sell: Sell
    margin: float
    costs: CostParams
    device: str = "cpu"
    metrics: dict[str, Any] = Field(default_factory=dict)


class Forecasts(Protocol):
    """What forecasts the log return of each bar over the horizon."""

    def forecast(self, bars: Bars) -> Distribution:
        """The distribution at each bar, NaN where it cannot be told yet."""


@dataclass(frozen=True, eq=False)
class ForecastModel(SymbolModel):
    """A forecaster and the rule by which its forecasts are traded."""

    forecaster: Forecasts
    description: ModelDescription
    libraries: tuple[str, ...] = ("torch",)

    @property
    def facts(self) -> ModelFacts:
        """The metrics, the features, the device and the libraries of the training."""
        said = self.description
        return ModelFacts(said.metrics, said.features, said.device, self.libraries)

    def bar_features(self, bars: Bars) -> pd.DataFrame:
        """The features that its windows are made of."""
        return feature_matrix(bars, self.description.features)

    def signals(self, bars: Bars) -> Signals:
        """Long, short or flat by the rule of `trainers.forecast.rule`."""
        said, index = self.description, pd.DatetimeIndex(bars.frame.index)
        return signals_of(index, self.forecaster.forecast(bars), said.costs, said.sell, said.margin)

    def save(self, folder: Path) -> None:
        """Write `model.json`; what it forecasts with lies beside it or among its members."""
        (folder / DESCRIPTION).write_bytes(json_bytes(self.description.model_dump(mode="json")))
