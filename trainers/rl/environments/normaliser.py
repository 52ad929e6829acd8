"""RunningMeanStd: the first layer of a network, which standardises observations by running statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

# Normalised values beyond this are outliers and clipped.
LIMIT = 10.0
_EPSILON = 1e-8


class RunningMeanStd(nn.Module):
    """Standardises rows by the mean and variance of all rows given to `update`, in float64.

    Before the first update these are 0 and 1. A forward pass does not change them.
    Usable without a network: `update(rows)`, `normalize(rows)`.
    """

    running_mean: Tensor
    running_var: Tensor
    count: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, shape: int | tuple[int, ...] = ()) -> None:
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(shape, dtype=torch.float64))
        self.register_buffer("running_var", torch.ones(shape, dtype=torch.float64))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        # What a forward pass needs, in its own precision.
        self.register_buffer("mean", torch.zeros(shape), persistent=False)
        self.register_buffer("std", torch.ones(shape), persistent=False)

    def update(self, rows: NDArray[Any]) -> None:
        """Add a batch of rows to the statistics, by the parallel algorithm of Chan et al. (1979)."""
        rows = np.asarray(rows, dtype=np.float64).reshape(-1, *self.running_mean.shape)
        if not len(rows):
            return
        mean, var, count = (np.asarray(part.cpu()) for part in (self.running_mean, self.running_var, self.count))
        total = count + len(rows)
        centre = rows.mean(axis=0)
        delta, off = centre - mean, rows - centre
        squares = var * count + np.einsum("i...,i...->...", off, off) + delta**2 * count * len(rows) / total
        self.running_mean.copy_(torch.as_tensor(mean + delta * len(rows) / total))
        self.running_var.copy_(torch.as_tensor(squares / total))
        self.count.fill_(float(total))
        self._round()

    def _round(self) -> None:
        self.mean.copy_(self.running_mean)
        self.std.copy_((self.running_var + _EPSILON).sqrt())

    def _load_from_state_dict(self, *args: Any) -> None:
        super()._load_from_state_dict(*args)
        self._round()

    def forward(self, rows: Tensor) -> Tensor:
        """(x - mean) / deviation, clipped."""
        return ((rows - self.mean) / self.std).clamp(-LIMIT, LIMIT)

    def normalize(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """`forward` for arrays, in float64."""
        std = np.sqrt(np.asarray(self.running_var.cpu()) + _EPSILON)
        normal: NDArray[np.float64] = np.clip(
            (np.asarray(rows) - np.asarray(self.running_mean.cpu())) / std, -LIMIT, LIMIT
        )
        return normal
