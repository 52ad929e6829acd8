"""How a network comes about: the epoch is selected on the newest rows, and the one that serves learns from all rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from trainers.forecast.calibration import Calibration
from trainers.forecast.data import Samples
from trainers.forecast.forecaster import Forecaster, ForecasterDescription
from trainers.forecast.heads import WIDTHS
from trainers.forecast.losses import LOSSES
from trainers.forecast.networks import make_network
from trainers.forecast.params import ForecastConfig, Network
from trainers.forecast.table import Scale
from trainers.nets.history import Epoch, History
from trainers.nets.loop import Fit, FitConfig, Windows


@dataclass(frozen=True, eq=False)
class Recipe:
    """What is trained, from which features, with which seed, and where."""

    network: Network
    features: tuple[str, ...]
    config: ForecastConfig
    seed: int = 42
    device: str = "cpu"

    def select(
        self, samples: Samples, checkpoint: Path | None = None, on_epoch: Callable[[Epoch], None] = lambda _epoch: None
    ) -> tuple[Forecaster, History]:
        """The network of the best epoch by the newest rows, which it has not learned from."""
        learned, later = samples.split(self.config.validation)
        fit = self._fit(samples, samples.only(learned), samples.only(later), checkpoint)
        fitted = fit.run(on_epoch=on_epoch)
        forecaster = self._forecaster(samples.only(learned).scale(), fitted.network, Calibration())
        newest = samples.only(later)
        calibration = Calibration.of(forecaster.standardised(samples.features, newest.ends), newest.targets)
        return replace(forecaster, description=self._description(calibration)), fitted.history

    def learn(
        self,
        samples: Samples,
        epochs: int,
        calibration: Calibration,
        checkpoint: Path | None = None,
        on_epoch: Callable[[Epoch], None] = lambda _epoch: None,
    ) -> Forecaster:
        """A network that has learned from every row, for so many epochs, calibrated as the selected one."""
        fitted = self._fit(samples, samples, None, checkpoint).run(epochs, on_epoch)
        return self._forecaster(samples.scale(), fitted.network, calibration)

    def _fit(self, whole: Samples, learned: Samples, later: Samples | None, checkpoint: Path | None) -> Fit:
        config, scale = self.config, learned.scale()
        device = resolved_device(self.device)
        rows = torch.from_numpy(scale.apply(whole.features).astype(np.float32)).to(device)
        return Fit(
            make=lambda: make_network(
                self.network,
                features=len(self.features),
                window=config.window,
                hidden=config.hidden,
                layers=config.layers,
                dropout=config.dropout,
                outputs=WIDTHS[config.head],
            ),
            loss=LOSSES[config.head],
            config=FitConfig(**config.model_dump(include=set(FitConfig.model_fields))),
            seed=self.seed,
            train=_windows(rows, learned, config.window),
            validation=None if later is None else _windows(rows, later, config.window),
            checkpoint=checkpoint,
        )

    def _forecaster(self, scale: Scale, network: torch.nn.Module, calibration: Calibration) -> Forecaster:
        weights = {name: tensor.detach().cpu().numpy().copy() for name, tensor in network.state_dict().items()}
        return Forecaster(self._description(calibration), scale, weights)

    def _description(self, calibration: Calibration) -> ForecasterDescription:
        config = ForecastConfig(**self.config.model_dump(include=set(ForecastConfig.model_fields)))
        return ForecasterDescription(
            network=self.network, features=self.features, config=config, calibration=calibration
        )


def resolved_device(device: str) -> torch.device:
    """The device of a name; `auto` is the processor: on small networks it is as fast as a GPU."""
    return torch.device("cpu" if device == "auto" else device)


def _windows(rows: torch.Tensor, samples: Samples, window: int) -> Windows:
    ends = torch.from_numpy(samples.ends).to(rows.device)
    targets = torch.from_numpy(samples.targets.astype(np.float32)).to(rows.device)
    return Windows(rows, ends, targets, window)
