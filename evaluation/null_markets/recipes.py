"""Recipes of null markets: cheap ones, of the kinds that a gate for skill may mistake for skill.

Timing rules know nothing of the market. Followers hold it by its trend or its volatility. The ridge regression learns.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_pipeline.bars.bars import Bars
from data_pipeline.inputs import Inputs
from evaluation.audit.leak_audit import Span
from evaluation.metrics.formulas import Array
from evaluation.signal_model import SignalModel, SymbolModel
from evaluation.signals import Signals

DAYS = 2**15  # since 1970, until 2059
DAYS_A_YEAR = 365.25
YEAR = 252


class Recipe(Protocol):
    """A way to make a model."""

    @property
    def name(self) -> str:
        """The same in certificates and tables."""

    def fit(self, inputs: Inputs, train: Span) -> SignalModel:
        """Trains a model on this span of the inputs and nothing else."""


class Rule(SymbolModel):
    """A recipe that learns nothing: its models are all the same."""

    def fit(self, inputs: Inputs, train: Span) -> SignalModel:  # noqa: ARG002
        """The rule itself."""
        return self

    def bar_features(self, bars: Bars) -> pd.DataFrame:
        """What it decides by."""
        return pd.DataFrame({"position": self.signals(bars).position})

    def signals(self, bars: Bars) -> Signals:
        """Long where `long` says so, else flat."""
        position = pd.Series(np.where(self.long(bars), 1.0, 0.0), bars.frame.index)
        return Signals(position, pd.Series(1.0, bars.frame.index))

    @abstractmethod
    def long(self, bars: Bars) -> NDArray[np.bool_]:
        """Whether it holds the market after each bar."""


@dataclass(frozen=True)
class CoinToss(Rule):
    """Long and flat by turns, for random lengths of time.

    Args:
        trips: round trips a year, on average.
        seed: of what it tosses; each symbol has a sequence of its own.
        coin: its name.
    """

    trips: float
    seed: int
    coin: str = "coin toss"

    @property
    def name(self) -> str:
        """With its number of trips."""
        return f"{self.coin}, {self.trips:g} trips a year"

    def long(self, bars: Bars) -> NDArray[np.bool_]:
        """By the day, whatever the prices are."""
        return self.tosses(bars.symbol, pd.DatetimeIndex(bars.frame.index))

    def tosses(self, symbol: str, times: pd.DatetimeIndex) -> NDArray[np.bool_]:
        """Whether it is long after each bar of these closes."""
        days = times.as_unit("ns").asi8 // 86_400_000_000_000
        long: NDArray[np.bool_] = _tosses(self.trips, self.seed, self.coin, symbol)[days]
        return long


@lru_cache(maxsize=64)
def _tosses(trips: float, seed: int, coin: str, symbol: str) -> NDArray[np.bool_]:
    random = np.random.default_rng([seed, *f"{coin}/{symbol}".encode()])
    turns = random.random(DAYS) < 2.0 * trips / DAYS_A_YEAR
    tosses: NDArray[np.bool_] = (np.cumsum(turns) + random.integers(2)) % 2 == 1
    return tosses


@dataclass(frozen=True)
class Momentum(Rule):
    """Long where the price is above what it was so many bars ago."""

    bars: int = 63

    @property
    def name(self) -> str:
        """With how far it looks back."""
        return f"momentum over {self.bars} bars"

    def long(self, bars: Bars) -> NDArray[np.bool_]:
        """After a rise."""
        close = bars.frame["close"].to_numpy()
        long = np.zeros(close.size, dtype=np.bool_)
        long[self.bars :] = close[self.bars :] > close[: -self.bars]
        return long


@dataclass(frozen=True)
class VolatilityFollower(Rule):
    """Long where the volatility of a month is on one side of its median of a year."""

    seeks: str

    @property
    def name(self) -> str:
        """With what it seeks."""
        return f"seeks {self.seeks} volatility"

    def long(self, bars: Bars) -> NDArray[np.bool_]:
        """While it is as volatile, or as calm, as it seeks."""
        volatility = bars.frame["close"].pct_change().rolling(21).std()
        median = volatility.rolling(YEAR, min_periods=YEAR // 4).median()
        side = volatility > median if self.seeks == "high" else volatility < median
        return side.to_numpy(dtype=np.bool_)


@dataclass(frozen=True)
class Ridge:
    """A ridge regression of the next return on returns and volatility of the past: long where it predicts a rise."""

    penalty: float = 100.0

    @property
    def name(self) -> str:
        """The same for every penalty."""
        return "ridge regression"

    def fit(self, inputs: Inputs, train: Span) -> SignalModel:
        """By the normal equations, on standardised features."""
        bars = inputs.only.since(train.first).until(train.last)
        features, following = _features(bars).to_numpy()[:-1], _returns(bars)[1:]
        rows = np.isfinite(features).all(axis=1)
        features, following = features[rows], following[rows]
        mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-12
        X = (features - mean) / scale
        weights = np.linalg.solve(X.T @ X + self.penalty * np.eye(X.shape[1]), X.T @ (following - following.mean()))
        return RidgeModel(weights / scale, float(following.mean() - mean @ (weights / scale)))


@dataclass(frozen=True, eq=False)
class RidgeModel(SymbolModel):
    """A fitted ridge regression."""

    weights: Array
    intercept: float

    def bar_features(self, bars: Bars) -> pd.DataFrame:
        """Returns and volatility of the past."""
        return _features(bars)

    def signals(self, bars: Bars) -> Signals:
        """Long where the predicted return is above zero, and flat in the warm-up."""
        features = _features(bars).fillna(0.0)
        # column by column: a product of matrices rounds by their number of rows
        predicted = sum((features[name] * w for name, w in zip(features, self.weights, strict=True)), self.intercept)
        position = pd.Series(np.where(predicted > 0.0, 1.0, 0.0), bars.frame.index)
        position.iloc[:63] = 0.0
        return Signals(position, pd.Series(1.0, bars.frame.index))


def _returns(bars: Bars) -> Array:
    close = bars.frame["close"].to_numpy(dtype=np.float64)
    return np.concatenate([[np.nan], close[1:] / close[:-1] - 1.0])


def _features(bars: Bars) -> pd.DataFrame:
    close = bars.frame["close"]
    returns = {f"return_{n}": close.pct_change(n) for n in (1, 5, 21, 63)}
    return pd.DataFrame({**returns, "volatility": returns["return_1"].rolling(21).std()})


def couples(seed: int) -> tuple[tuple[Recipe, Recipe], ...]:
    """The pairs of recipes that homes have, by turns."""
    fast, slow = CoinToss(12.0, seed), CoinToss(5.0, seed)
    low, high = VolatilityFollower("low"), VolatilityFollower("high")
    return (fast, slow), (low, high), (Momentum(), Ridge()), (slow, high)
