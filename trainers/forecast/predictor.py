"""Price predictors for scripts: fit on bars of one or many symbols, predict the returns to come, save and load."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from config.errors import UsageError
from config.publish import publishing_folder
from data_pipeline.bars.bars import Bars
from data_pipeline.features.registry import DEFAULT_FEATURES
from trainers.forecast.combining import METHODS, Combined, Method, weights_of
from trainers.forecast.data import Samples
from trainers.forecast.forecaster import Forecaster, frame_of
from trainers.forecast.heads import LEVELS, Distribution
from trainers.forecast.params import CnnParams, ForecastConfig, ForecastParams, LstmParams, Network, TransformerParams
from trainers.forecast.table import Table
from trainers.nets.history import Epoch
from trainers.safe_files import corrupt, json_bytes, read_json

Data = Bars | pd.DataFrame | Mapping[str, Bars | pd.DataFrame]


class PricePredictor:
    """Forecasts the log return over the horizon from the last bars, as a distribution.

    Args:
        config: what is forecast and how it is learned; by default that of the model type.
        seed: the same seed and data give the same network.
        device: `cpu`, `cuda`, or `auto`.
    """

    network: ClassVar[Network]
    defaults: ClassVar[type[ForecastParams]]

    def __init__(self, config: ForecastConfig | None = None, seed: int = 42, device: str = "auto") -> None:
        self.config: ForecastConfig = config or self.defaults()
        self.seed, self.device = seed, device
        self._forecaster: Forecaster | None = None

    @property
    def forecaster(self) -> Forecaster:
        """The trained network."""
        if self._forecaster is None:
            raise UsageError("predict.untrained", "This predictor has not been trained.", "Call fit or load first.")
        return self._forecaster

    def fit(
        self, data: Data, checkpoint: Path | None = None, on_epoch: Callable[[Epoch], None] = lambda _epoch: None
    ) -> dict[str, Any]:
        """Learn from the bars of one symbol, or of many at once; the best epoch by the newest rows, and its losses.

        With a `checkpoint` file an interrupted training goes on to the same network.
        """
        from trainers.forecast.training import Recipe  # noqa: PLC0415 -- torch

        names = self.config.features or DEFAULT_FEATURES
        recipe = Recipe(self.network, names, self.config, self.seed, self.device)
        tables = [Table.of(bars, names, self.config.horizon) for bars in bars_of(data).values()]
        samples = Samples.of(tables, self.config.window, self.config.horizon)
        self._forecaster, history = recipe.select(samples, checkpoint, on_epoch)
        best = history.best
        return {
            "best_epoch": best.number,
            "epochs": len(history.epochs),
            "train_loss": best.train_loss,
            "val_loss": best.val_loss,
            "windows": len(samples.ends),
        }

    def predict(self, data: Bars | pd.DataFrame) -> pd.DataFrame:
        """The log return expected over the horizon at each bar, its deviation and quantiles; NaN in warm-ups."""
        (bars,) = bars_of(data).values()
        return frame_of(pd.DatetimeIndex(bars.frame.index), self.forecaster.forecast(bars), LEVELS)

    def save(self, path: str | Path) -> None:
        """Write it as a file that holds numbers and JSON alone."""
        self.forecaster.save(Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote."""
        forecaster = Forecaster.load(Path(path))
        if forecaster.description.network != cls.network:
            raise UsageError(
                "forecast.network",
                f"{path} holds a {forecaster.description.network}, not a {cls.network}.",
                "Load it with the class of its own network.",
            )
        predictor = cls(forecaster.description.config)
        predictor._forecaster = forecaster
        return predictor


class LSTMPricePredictor(PricePredictor):
    """Long short-term memory over the last bars."""

    network = "lstm"
    defaults = LstmParams


class TransformerPricePredictor(PricePredictor):
    """Self-attention over the last bars."""

    network = "transformer"
    defaults = TransformerParams


class CNNPricePredictor(PricePredictor):
    """Convolutions that recognise patterns of the chart."""

    network = "cnn"
    defaults = CnnParams


class EnsemblePricePredictor:
    """Several predictors as one.

    Args:
        members: the predictors; by default one of each network.
        method: `stacking` fits weights to what copies of the members forecast of later rows, `weighted_average` weighs
            by the inverse of their squared error there, `voting` all alike.
        folds: how many later blocks of rows are forecast for that.
    """

    def __init__(
        self, members: Sequence[PricePredictor] | None = None, method: Method = "stacking", folds: int = 2
    ) -> None:
        if method not in METHODS:
            raise UsageError("forecast.method", f"There is no method {method!r}.", f"Choose {', '.join(METHODS)}.")
        self.members = list(members or (LSTMPricePredictor(), TransformerPricePredictor(), CNNPricePredictor()))
        self.method, self.folds = method, folds
        self.weights: dict[str, float] = {}

    def save(self, folder: str | Path) -> None:
        """Write each member as a file of a new folder, and what they weigh beside them."""
        self._require_training()
        with publishing_folder(Path(folder)) as temp:
            for name, member in self._named.items():
                member.save(temp / f"{name}.safetensors")
            (temp / "ensemble.json").write_bytes(json_bytes({"method": self.method, "weights": self.weights}))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote."""
        described = read_json(Path(folder) / "ensemble.json")
        weights: dict[str, float] = described.get("weights", {})
        kinds: dict[str, type[PricePredictor]] = {
            kind.network: kind for kind in (LSTMPricePredictor, TransformerPricePredictor, CNNPricePredictor)
        }
        networks = {name: name.partition("_")[2] for name in weights}
        if described.get("method") not in METHODS or not weights or not set(networks.values()) <= kinds.keys():
            raise corrupt("ensemble.json", "it names no method and weights of networks that are known")
        members = [kinds[networks[name]].load(Path(folder) / f"{name}.safetensors") for name in sorted(weights)]
        ensemble = cls(members, described["method"])
        ensemble.weights = {name: float(weights[name]) for name in sorted(weights)}
        return ensemble

    @property
    def _named(self) -> dict[str, PricePredictor]:
        """The members by their place and network."""
        return {f"{place}_{member.network}": member for place, member in enumerate(self.members)}

    def _require_training(self) -> None:
        if not self.weights:
            raise UsageError("predict.untrained", "This ensemble has not been trained.", "Call fit or load first.")

    def fit(self, data: Bars | pd.DataFrame) -> dict[str, Any]:
        """Weigh the members by what copies of them, fitted on the past, forecast of later rows; then fit them."""
        (bars,) = bars_of(data).values()
        forecasts, returns = self._forecasts(bars)
        found = weights_of(self.method, forecasts, returns)
        metrics = {name: member.fit(bars) for name, member in self._named.items()}
        self.weights = {name: float(weight) for name, weight in zip(self._named, found, strict=True)}
        return {"weights": dict(self.weights), "members": metrics}

    def predict(self, data: Bars | pd.DataFrame) -> pd.DataFrame:
        """As of one predictor."""
        (bars,) = bars_of(data).values()
        self._require_training()
        parts = {name: member.forecaster for name, member in self._named.items()}
        forecast = Combined(parts, self.weights).forecast(bars)
        return frame_of(pd.DatetimeIndex(bars.frame.index), forecast, LEVELS)

    def _forecasts(self, bars: Bars) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """What copies of the members forecast of the later blocks [members, rows], and what the returns were."""
        horizon = max(member.config.horizon for member in self.members)
        if {member.config.horizon for member in self.members} != {horizon}:
            raise UsageError("forecast.horizon", "The members look ahead differently far.", "Give them one horizon.")
        cuts = np.linspace(0.6, 1.0, self.folds + 1)
        ends = [round(len(bars) * cut) for cut in cuts]
        close = np.log(bars.frame["close"].to_numpy(np.float64))
        forecasts, returns = [], []
        for first, end in pairwise(ends):
            rows = np.arange(first, end - horizon)
            copies = [self._copy(member, bars.head(first), bars.head(end), rows) for member in self.members]
            forecasts.append(np.stack([copy.mean for copy in copies]))
            returns.append(close[rows + horizon] - close[rows])
        found, known = np.concatenate(forecasts, axis=1), np.concatenate(returns)
        whole = np.isfinite(found).all(axis=0)
        return found[:, whole], known[whole]

    @staticmethod
    def _copy(member: PricePredictor, past: Bars, bars: Bars, rows: np.ndarray[Any, Any]) -> Distribution:
        copy = type(member)(member.config, member.seed, member.device)
        copy.fit(past)
        return copy.forecaster.forecast(bars).rows(rows)


def bars_of(data: Data) -> dict[str, Bars]:
    """Bars by name; a frame needs a column or index of times, and open, high, low, close and volume."""
    if isinstance(data, Bars):
        return {data.symbol: data}
    if isinstance(data, pd.DataFrame):
        return {"series": Bars.from_frame(data, symbol="SERIES")}
    every = {name: next(iter(bars_of(part).values())) for name, part in data.items()}
    if not every:
        raise UsageError("forecast.no_data", "No series is given.", "Give the bars of one symbol at least.")
    return every
