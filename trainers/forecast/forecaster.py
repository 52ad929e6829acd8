"""A trained network that forecasts: its arrays and scales, checked when they are read, without torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from config.publish import publish_bytes
from config.section import Section
from data_pipeline.bars.bars import Bars
from trainers.forecast.calibration import Calibration
from trainers.forecast.heads import WIDTHS, Distribution
from trainers.forecast.params import ForecastConfig, Network
from trainers.forecast.serving import outputs_of
from trainers.forecast.table import Floats, Rows, Scale, Table
from trainers.safe_files import Tensors, corrupt, described, read_tensors, tensor_bytes

_SCALES = ("scale.mean", "scale.deviation")


class ForecasterDescription(Section):
    """What a network is besides its arrays."""

    kind: Literal["forecaster"] = "forecaster"
    format: Literal[1] = 1
    network: Network
    features: tuple[str, ...] = Field(strict=False)
    config: ForecastConfig
    calibration: Calibration = Calibration()


@dataclass(frozen=True, eq=False)
class Forecaster:
    """Forecasts the log return over the horizon at each bar's close."""

    description: ForecasterDescription
    scale: Scale
    weights: Tensors

    def table(self, bars: Bars) -> Table:
        """The features of these bars."""
        return Table.of(bars, self.description.features, self.description.config.horizon)

    def forecast(self, bars: Bars) -> Distribution:
        """The distribution at each bar, NaN where its window is not whole."""
        table = self.table(bars)
        ends = table.ends(self.description.config.window)
        found = self.standardised(table.features, ends).scaled(table.usual[ends])
        rows, levels = len(bars), found.quantiles.shape[1]
        every = Distribution(np.full(rows, np.nan), np.full(rows, np.nan), np.full((rows, levels), np.nan))
        every.mean[ends], every.deviation[ends], every.quantiles[ends] = found.mean, found.deviation, found.quantiles
        return every

    def standardised(self, features: Floats, ends: Rows) -> Distribution:
        """The distribution of the targets, in units of what is usual, for the windows that end at these rows."""
        config = self.description.config
        rows = self.scale.apply(features)
        outputs = outputs_of(self.description.network, self.weights, rows, ends, config.window)
        return self.description.calibration.apply(Distribution.of(config.head, outputs))

    def tensors(self) -> Tensors:
        """Every array by name, to be saved."""
        return {**self.weights, "scale.mean": self.scale.mean, "scale.deviation": self.scale.deviation}

    def save(self, path: Path) -> None:
        """Publish it as one file."""
        publish_bytes(path, tensor_bytes(self.tensors(), {"forecaster": self.description.model_dump(mode="json")}))

    @classmethod
    def load(cls, path: Path) -> Forecaster:
        """Read what `save` wrote."""
        tensors, metadata = read_tensors(path)
        if "forecaster" not in metadata:
            raise corrupt(path.name, "it holds no forecaster")
        return cls.of(described(path.name, ForecasterDescription, metadata["forecaster"]), tensors, path.name)

    @classmethod
    def of(cls, description: ForecasterDescription, tensors: Tensors, name: str) -> Forecaster:
        """From untrusted arrays, every one of which must be what the description asks for."""
        expected = expected_shapes(description)
        shapes = {key: array.shape for key, array in tensors.items()}
        if shapes != expected:
            wrong = sorted(key for key in expected.keys() | shapes.keys() if expected.get(key) != shapes.get(key))
            raise corrupt(name, f"its array {wrong[0]!r} is not that of a {description.network}")
        if not all(array.dtype.kind == "f" and np.isfinite(array).all() for array in tensors.values()):
            raise corrupt(name, "its arrays hold something else than finite numbers")
        if (tensors["scale.deviation"] <= 0.0).any():
            raise corrupt(name, "its scale is not above 0")
        weights = {key: array for key, array in tensors.items() if key not in _SCALES}
        return cls(description, Scale(*(tensors[key].astype(np.float64) for key in _SCALES)), weights)


def expected_shapes(description: ForecasterDescription) -> dict[str, tuple[int, ...]]:
    """The shape of each array of a network of this description."""
    config, features = description.config, len(description.features)
    hidden, outputs = config.hidden, WIDTHS[config.head]
    scales = dict.fromkeys(_SCALES, (features,))
    head = {"head.weight": (outputs, hidden), "head.bias": (outputs,)}
    return {**scales, **head, **_SHAPES[description.network](features, config)}


def _lstm(features: int, config: ForecastConfig) -> dict[str, tuple[int, ...]]:
    gates = 4 * config.hidden
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in range(config.layers):
        inputs = config.hidden if layer else features
        shapes |= {f"lstm.weight_ih_l{layer}": (gates, inputs), f"lstm.weight_hh_l{layer}": (gates, config.hidden)}
        shapes |= {f"lstm.bias_ih_l{layer}": (gates,), f"lstm.bias_hh_l{layer}": (gates,)}
    return shapes


def _transformer(features: int, config: ForecastConfig) -> dict[str, tuple[int, ...]]:
    hidden = config.hidden
    shapes: dict[str, tuple[int, ...]] = {"places": (config.window, hidden), **_linear("embed", features, hidden)}
    for block in (f"blocks.{layer}" for layer in range(config.layers)):
        shapes |= {**_norm(f"{block}.attention_norm", hidden), **_norm(f"{block}.feed_norm", hidden)}
        shapes |= {**_linear(f"{block}.qkv", hidden, 3 * hidden), **_linear(f"{block}.attended", hidden, hidden)}
        shapes |= {**_linear(f"{block}.up", hidden, 2 * hidden), **_linear(f"{block}.down", 2 * hidden, hidden)}
    return {**shapes, **_norm("norm", hidden)}


def _cnn(features: int, config: ForecastConfig) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = dict(_linear("embed", features, config.hidden))
    for layer in range(config.layers):
        shapes[f"convolutions.{layer}.weight"] = (config.hidden, config.hidden, 3)
        shapes[f"convolutions.{layer}.bias"] = (config.hidden,)
    return shapes


_SHAPES: dict[Network, Callable[[int, ForecastConfig], dict[str, tuple[int, ...]]]] = {
    "lstm": _lstm,
    "transformer": _transformer,
    "cnn": _cnn,
}


def _linear(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def frame_of(index: pd.DatetimeIndex, forecast: Distribution, levels: tuple[float, ...]) -> pd.DataFrame:
    """A forecast as a table: `mean`, `deviation` and a column such as `q05` for each quantile, as log returns."""
    columns: dict[str, NDArray[np.float64]] = {"mean": forecast.mean, "deviation": forecast.deviation}
    for place, level in enumerate(levels):
        columns[f"q{round(100 * level):02}"] = forecast.quantiles[:, place]
    return pd.DataFrame(columns, index)
