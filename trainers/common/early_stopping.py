"""Early stopping: ends the training of any model when the monitored metric no longer improves."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any, Literal, Protocol

from config.errors import UsageError


class Restorable(Protocol):
    """A model whose state can be saved and restored, such as a torch module."""

    def state_dict(self) -> Any:
        """The learned state."""

    def load_state_dict(self, state: Any) -> Any:
        """Restore a state."""


class EarlyStoppingCallback:
    """Decides after each epoch whether to go on: not after `patience` epochs in a row without improvement.

    An improvement is more than `min_delta` below the best value of `monitor`, or above it with `mode` "max". The model
    state of the best epoch is stored for `restore_best`.

        stopping = EarlyStoppingCallback(monitor="val_loss", patience=10)
        for epoch in range(1_000):
            if not stopping.on_epoch_end(epoch, {"val_loss": validate(model)}, model):
                break
        stopping.restore_best(model)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 10,
        min_delta: float = 0.0,
        mode: Literal["min", "max"] = "min",
    ) -> None:
        if patience < 1 or min_delta < 0.0 or mode not in {"min", "max"}:
            raise UsageError(
                "early_stopping.invalid",
                f"patience is {patience}, min_delta {min_delta}, mode {mode!r}.",
                'Give a patience of 1 or more, a min_delta of 0 or more, and the mode "min" or "max".',
            )
        self.monitor = monitor
        self.patience = patience
        self.min_delta = min_delta
        self.sign = 1.0 if mode == "max" else -1.0
        self.best: float | None = None
        self.best_epoch: int | None = None
        self.waited = 0
        self._best_state: Any = None

    def on_epoch_end(self, epoch: int, metrics: Mapping[str, float], model: Restorable | None = None) -> bool:
        """Whether to go on. NaN is no improvement."""
        if self.monitor not in metrics:
            raise UsageError(
                "early_stopping.monitor",
                f"The metrics of epoch {epoch} have no {self.monitor!r}; they are {sorted(metrics)}.",
                "Give `monitor` the name of one of them.",
            )
        value = float(metrics[self.monitor])
        if self._better(value):
            self.best, self.best_epoch, self.waited = value, epoch, 0
            self._best_state = None if model is None else copy.deepcopy(model.state_dict())
        else:
            self.waited += 1
        return self.waited < self.patience

    def _better(self, value: float) -> bool:
        if not math.isfinite(value):
            return False
        return self.best is None or self.sign * (value - self.best) > self.min_delta

    def restore_best(self, model: Restorable) -> None:
        """Restore the model state of the best epoch."""
        if self._best_state is None:
            raise UsageError(
                "early_stopping.nothing",
                f"No epoch with a finite {self.monitor!r} came with a model.",
                "Give the model to on_epoch_end.",
            )
        model.load_state_dict(copy.deepcopy(self._best_state))
