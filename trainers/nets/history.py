"""The epochs of a training, and when it has come to its end."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from config.errors import NightdeskError
from trainers.safe_files import corrupt


@dataclass(frozen=True)
class Epoch:
    """One pass over the training rows; the losses are means over rows, without dropout in validation."""

    number: int
    train_loss: float
    val_loss: float | None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.train_loss) and math.isfinite(self.val_loss or 0.0)):
            raise NightdeskError(
                "training.diverged",
                f"The loss of epoch {self.number} is not a finite number.",
                "Lower the learning rate `lr`, or see whether the data hold values beyond all bounds.",
            )


@dataclass
class History:
    """The epochs so far."""

    epochs: list[Epoch] = field(default_factory=list)

    @property
    def best(self) -> Epoch:
        """The first with the lowest validation loss; the last one where nothing is validated."""
        if self.epochs[-1].val_loss is None:
            return self.epochs[-1]
        return min(self.epochs, key=lambda epoch: epoch.val_loss or 0.0)

    def ended(self, last: int, patience: int) -> bool:
        """Whether it has all its epochs, or the best one is `patience` epochs ago."""
        done = len(self.epochs)
        return done >= last or (done > 0 and done - self.best.number >= patience)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"epochs": [asdict(epoch) for epoch in self.epochs]}

    @classmethod
    def of(cls, document: Mapping[str, Any], name: str) -> History:
        """The inverse of `to_dict`, of a file called `name`."""
        try:
            return cls([Epoch(**epoch) for epoch in document["epochs"]])
        except (KeyError, TypeError) as error:
            raise corrupt(name, f"its epochs are none ({error})") from error
