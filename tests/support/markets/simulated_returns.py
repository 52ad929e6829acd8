"""Made-up traders whose true Sharpe ratio is known: returns with the vices of real ones, one vice at a time."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

YEAR = 252
DEVIATION = 0.01
_BEFORE = 200  # bars that nobody sees, after which a series no longer knows how it began


def _normal(rng: np.random.Generator, traders: int, bars: int) -> np.ndarray:
    return rng.normal(size=(traders, bars))


def _fat_tails(rng: np.random.Generator, traders: int, bars: int) -> np.ndarray:
    return rng.standard_t(5, (traders, bars)) * math.sqrt(3.0 / 5.0)


def _crashes(rng: np.random.Generator, traders: int, bars: int) -> np.ndarray:
    """One bar in fifty falls by five deviations more."""
    falls = 5.0 * (rng.random((traders, bars)) < 0.02)
    return (_normal(rng, traders, bars) - falls + 0.1) / math.sqrt(1.0 + 25.0 * 0.02 * 0.98)


def _leaning(rho: float) -> Callable[[np.random.Generator, int, int], np.ndarray]:
    """Each return leans to the one before it, or away from it."""

    def make(rng: np.random.Generator, traders: int, bars: int) -> np.ndarray:
        values = _normal(rng, traders, _BEFORE + bars)
        for t in range(1, _BEFORE + bars):
            values[:, t] = rho * values[:, t - 1] + math.sqrt(1.0 - rho**2) * values[:, t]
        return values[:, _BEFORE:]

    return make


def _restless(rng: np.random.Generator, traders: int, bars: int) -> np.ndarray:
    """Calm and stormy times by turns (GARCH), and fat tails in both."""
    shocks = _fat_tails(rng, traders, _BEFORE + bars)
    variance = np.ones(traders)
    for t in range(_BEFORE + bars):
        shocks[:, t] *= np.sqrt(variance)
        variance = 0.02 + 0.08 * shocks[:, t] ** 2 + 0.9 * variance
    return shocks[:, _BEFORE:]


def _in_and_out(rng: np.random.Generator, traders: int, bars: int) -> np.ndarray:
    """Holds something half of the time, for ten bars on average."""
    turns = rng.random((traders, bars)) < 0.1
    turns[:, 0] = rng.random(traders) < 0.5
    return math.sqrt(2.0) * (np.cumsum(turns, axis=1) % 2) * _normal(rng, traders, bars)


KINDS: dict[str, Callable[[np.random.Generator, int, int], np.ndarray]] = {
    "normal": _normal,
    "fat tails": _fat_tails,
    "crashes": _crashes,
    "trending": _leaning(0.3),
    "reverting": _leaning(-0.2),
    "restless": _restless,
    "in and out": _in_and_out,
}


def simulate(kind: str, rng: np.random.Generator, traders: int, bars: int, sharpe: float = 0.0) -> np.ndarray:
    """Returns of `traders` (a row each) whose true Sharpe ratio, by a year of 252 bars, is `sharpe`."""
    returns = DEVIATION * (KINDS[kind](rng, traders, bars) + sharpe / math.sqrt(YEAR))
    return np.maximum(returns, -0.9)  # once in a million restless bars more than everything would be lost
