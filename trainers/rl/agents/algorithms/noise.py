"""Ornstein-Uhlenbeck noise: exploration that is correlated over some bars."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class OrnsteinUhlenbeck:
    """x += theta (0 - x) dt + sigma sqrt(dt) N(0, 1) with dt = 1, one process a row (Uhlenbeck & Ornstein 1930).

    With one step a bar its correlation time is 1 / theta bars; with stable-baselines3's dt of 0.01, hundreds.
    """

    def __init__(self, theta: float, sigma: float) -> None:
        self.theta, self.sigma = theta, sigma
        self.value: NDArray[np.float64] = np.zeros((0, 0))

    def begin(self, shape: tuple[int, ...]) -> None:
        """Start all processes at zero."""
        self.value = np.zeros(shape)

    def next(self) -> NDArray[np.float64]:
        """One step of every process."""
        self.value = self.value - self.theta * self.value + self.sigma * np.random.standard_normal(self.value.shape)
        return self.value

    def reset(self, rows: NDArray[np.int64]) -> None:
        """Reset these processes to zero."""
        self.value[rows] = 0.0
