"""What the epochs of a training measured, and when it should end."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Self

from config.errors import NightdeskError
from trainers.safe_files import corrupt


@dataclass(frozen=True)
class Metrics:
    """Means over the bars that count. `rtg_error` is absolute and in parts of the money put up, not scaled."""

    loss: float
    accuracy: float
    action_loss: float
    rtg_loss: float
    rtg_error: float


@dataclass(frozen=True)
class Epoch:
    """One pass over the training windows, and what the network is worth afterwards on others, where there are any."""

    number: int
    train_loss: float
    validation: Metrics | None

    @property
    def message(self) -> str:
        """In one line."""
        if self.validation is None:
            return f"epoch {self.number}, loss {self.train_loss:.4f}"
        found = self.validation
        return (
            f"epoch {self.number}, loss {self.train_loss:.4f}, on validation {found.loss:.4f}, "
            f"accuracy {found.accuracy:.1%}, RTG error {found.rtg_error:.4f}"
        )


@dataclass
class History:
    """All epochs so far."""

    epochs: list[Epoch] = field(default_factory=list)

    @property
    def best(self) -> Epoch | None:
        """The epoch of the lowest validation loss, the earliest of equal ones; without validation the last."""
        measured = [epoch for epoch in self.epochs if epoch.validation is not None]
        if not measured:
            return self.epochs[-1] if self.epochs else None
        return min(measured, key=lambda epoch: epoch.validation.loss if epoch.validation else 0.0)

    @property
    def waited(self) -> int:
        """Epochs since the best one."""
        return self.epochs[-1].number - self.best.number if self.best else 0

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"epochs": [asdict(epoch) for epoch in self.epochs]}

    @classmethod
    def from_dict(cls, document: Any, name: str) -> Self:
        """The inverse of `to_dict`, for the file `name`."""
        try:
            return cls([_epoch(epoch) for epoch in document["epochs"]])
        except (KeyError, TypeError, ValueError) as error:
            raise corrupt(name, f"its epochs are garbled ({error!r})") from error


def _epoch(document: dict[str, Any]) -> Epoch:
    validation = document["validation"]
    return Epoch(
        int(document["number"]),
        float(document["train_loss"]),
        None if validation is None else Metrics(**{name: float(value) for name, value in validation.items()}),
    )


def diverged(epoch: int, loss: float) -> NightdeskError:
    """The error for a loss that is no number."""
    return NightdeskError(
        "training.diverged",
        f"The loss in epoch {epoch} is {loss}.",
        "Lower the learning rate (--lr), or look for states and returns that are far too large.",
        epoch=epoch,
    )
