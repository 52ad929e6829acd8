"""What a policy measures after each epoch, and how its decisions agree with its teacher's."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from config.errors import NightdeskError
from trainers.safe_files import corrupt

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Epoch:
    """One pass over the training rows, measured afterwards without dropout.

    `gradient` is the largest norm of a gradient before it was clipped. Without validation rows its losses are None.
    """

    number: int
    train_loss: float
    train_acc: float
    val_loss: float | None
    val_acc: float | None
    gradient: float

    @property
    def message(self) -> str:
        """In one line."""
        parts = {"train_loss": self.train_loss, "val_loss": self.val_loss}
        shares = {"train_acc": self.train_acc, "val_acc": self.val_acc}
        words = [f"{name}={value:.4f}" for name, value in parts.items() if value is not None]
        words += [f"{name}={value:.3f}" for name, value in shares.items() if value is not None]
        return " ".join([*words, f"grad_norm={self.gradient:.3f}"])


@dataclass
class History:
    """All epochs so far."""

    epochs: list[Epoch] = field(default_factory=list)

    @property
    def best(self) -> Epoch:
        """The epoch of the lowest validation loss, the earliest of equal ones; without validation the last."""
        if self.epochs[-1].val_loss is None:
            return self.epochs[-1]
        return min(self.epochs, key=lambda epoch: np.inf if epoch.val_loss is None else epoch.val_loss)

    def ended(self, last: int, patience: int) -> bool:
        """Whether the training has come to its last epoch, or has not improved for too long."""
        return bool(self.epochs) and (len(self.epochs) >= last or self.epochs[-1].number - self.best.number >= patience)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"epochs": [asdict(epoch) for epoch in self.epochs]}

    @classmethod
    def from_dict(cls, document: Any, name: str) -> Self:
        """The inverse of `to_dict`, for the file `name`."""
        try:
            return cls([Epoch(**epoch) for epoch in document["epochs"]])
        except (KeyError, TypeError) as error:
            raise corrupt(name, f"its epochs are garbled ({error!r})") from error


@dataclass(frozen=True)
class Agreement:
    """How a policy's actions agree with the teacher's on the same rows.

    Args:
        rows: how many decisions were compared.
        accuracy: the share that agree.
        majority: the share of the teacher's most frequent action, the accuracy of always choosing it.
        kappa: Cohen's kappa, the agreement beyond that of chance; None where both always do one and the same.
        recall: of each action of the teacher, the share that agree; None for one that does not occur.
    """

    rows: int
    accuracy: float
    majority: float
    kappa: float | None
    recall: dict[str, float | None]

    @classmethod
    def of(cls, actions: Codes, predicted: Codes, names: tuple[str, ...]) -> Self:
        """Of codes from 0 to 2."""
        table = np.zeros((len(names), len(names)))
        np.add.at(table, (actions, predicted), 1.0)
        rows, right = table.sum(), np.trace(table)
        by_teacher, by_policy = table.sum(1), table.sum(0)
        chance = float(by_teacher @ by_policy) / rows**2
        shares = [table[k, k] / by_teacher[k] if by_teacher[k] else None for k in range(len(names))]
        return cls(
            rows=int(rows),
            accuracy=float(right / rows),
            majority=float(by_teacher.max() / rows),
            kappa=None if chance == 1.0 else float((right / rows - chance) / (1.0 - chance)),
            recall={name: None if share is None else float(share) for name, share in zip(names, shares, strict=True)},
        )


def diverged(epoch: int) -> NightdeskError:
    """The error for a loss that is no number."""
    return NightdeskError(
        "training.diverged",
        f"The loss is not finite after epoch {epoch}.",
        "Lower the learning rate (--lr), or look for states that are far too large.",
        epoch=epoch,
    )
