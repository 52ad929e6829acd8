"""The same inputs for the ledger and its peers: prices, targets, parameter pairs. numpy alone, for any interpreter."""

from __future__ import annotations

import itertools

import numpy as np

SYMBOLS, DAYS = 500, 2_520
CASH, COMMISSION, SLIPPAGE = 100_000.0, 0.001, 0.0005
# Pairs of 46 windows, the first 1,000 of 1,035; targets inside 0.9, so that fees never exceed cash.
WINDOWS = range(10, 194, 4)
PAIRS = list(itertools.combinations(WINDOWS, 2))[:1_000]
WEIGHT = 0.9


def prices() -> tuple[np.ndarray, np.ndarray]:
    """Opens and closes of many symbols, one row a symbol."""
    random = np.random.default_rng(1)
    closes = 50.0 * np.exp(np.cumsum(random.normal(0.0003, 0.015, (SYMBOLS, DAYS)), axis=1))
    before = np.concatenate([closes[:, :1], closes[:, :-1]], axis=1)
    return before * np.exp(random.normal(0.0, 0.003, closes.shape)), closes


def targets() -> np.ndarray:
    """Long, short or flat, decided anew every ten days on average."""
    random = np.random.default_rng(2)
    drawn = random.choice([-0.9, -0.45, 0.0, 0.45, 0.9], (SYMBOLS, DAYS))
    decided = np.where(random.random(drawn.shape) < 0.1, np.arange(DAYS), 0)
    return np.take_along_axis(drawn, np.maximum.accumulate(decided, axis=1), axis=1)


def orders(weights: np.ndarray) -> np.ndarray:
    """The target ordered at each open, by row, not a number where there is none."""
    shifted = np.concatenate([np.zeros((len(weights), 2)), weights[:, :-1]], axis=1)
    return np.where(np.diff(shifted, axis=1) != 0.0, shifted[:, 1:], np.nan)
