"""Markets with a pattern planted in them that pays after costs, and what the best trader who knows it would do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_pipeline.bars.bars import Bars
from evaluation.accounting.backtest import backtest
from evaluation.accounting.costs import Costs

Floats = NDArray[np.float64]
COSTS = Costs(commission=0.001, slippage=0.0005)
CHOICES = np.array([-1.0, 0.0, 1.0])


@dataclass(frozen=True, eq=False)
class Planted:
    """Bars, and for each the best target of someone who knows the pattern but not the noise to come."""

    bars: Bars
    best: Floats

    def part(self, first: int, last: int) -> Planted:
        """The bars from `first` to before `last`."""
        return Planted(Bars(self.bars.frame.iloc[first:last], "PLANTED", "1d", "memory"), self.best[first:last])

    def growth(self, targets: Floats) -> float:
        """The log growth of an account that trades these targets, after costs."""
        traded = backtest(self.bars, pd.Series(targets, index=self.bars.frame.index), COSTS)
        return float(np.log(traded.equity.iloc[-1] / traded.initial_cash))

    @property
    def best_growth(self) -> float:
        """What the best trader earns on these bars."""
        return self.growth(self.best)


def noisy_sine(bars: int, seed: int, *, period: int = 24, amplitude: float = 0.06, noise: float = 0.004) -> Planted:
    """A wave in the logarithm of the price, under noise that comes and goes with each bar."""
    random = np.random.default_rng(seed)
    wave = amplitude * np.sin(2.0 * np.pi * np.arange(bars) / period + random.uniform(0.0, 2.0 * np.pi))
    drift = np.diff(wave, append=wave[-1])
    return Planted(_bars(wave + noise * random.standard_normal(bars), random), _best_targets(drift))


def regime_switch(bars: int, seed: int, *, stay: float = 0.98, drift: float = 0.005, noise: float = 0.008) -> Planted:
    """A drift that is up or down for fifty bars on average; which of the two can only be inferred from the returns."""
    random = np.random.default_rng(seed)
    up = np.cumsum(random.random(bars) > stay) % 2 == 0
    returns = np.where(up, drift, -drift) + noise * random.standard_normal(bars)
    belief = _belief_in_up(returns, stay, drift, noise)
    price = np.cumsum(returns)
    planted = Planted(_bars(price, random), np.zeros(bars))
    rules = [_by_belief(belief, threshold) for threshold in np.linspace(0.5, 0.95, 10)]
    return Planted(planted.bars, max(rules, key=planted.growth))


def pure_noise(bars: int, seed: int, *, noise: float = 0.01) -> Planted:
    """A random walk without drift: after costs nothing beats staying out of it."""
    random = np.random.default_rng(seed)
    returns = noise * random.standard_normal(bars)
    return Planted(_bars(np.cumsum(returns - returns.mean()), random), np.zeros(bars))


def _bars(log_price: Floats, random: np.random.Generator) -> Bars:
    """Bars that open where the last one closed, give or take a hundredth of a percent."""
    close = 100.0 * np.exp(log_price)
    opened = np.concatenate([close[:1], close[:-1]]) * np.exp(1e-4 * random.standard_normal(len(close)))
    frame = pd.DataFrame(
        {
            "open": opened,
            "high": np.maximum(opened, close) * 1.001,
            "low": np.minimum(opened, close) * 0.999,
            "close": close,
            "volume": 1e6,
        },
        index=pd.date_range("2000-01-03 21:00", periods=len(close), freq="D", tz="UTC", name="time"),
    )
    return Bars(frame, "PLANTED", "1d", "memory")


def _best_targets(drift: Floats) -> Floats:
    """The targets that earn most where `drift[t]` is what the price gains from close t to the next: Bellman, backwards.

    V_t(holding) = max over targets w of  w drift[t] - cost |w - holding| + V_{t+1}(w)
    """
    cost = (COSTS.commission + COSTS.slippage) * np.abs(CHOICES[:, None] - CHOICES[None, :])  # [holding, target]
    value, best_choice = np.zeros(len(CHOICES)), np.empty((len(drift), len(CHOICES)), dtype=np.int64)
    for t in reversed(range(len(drift))):
        worth = CHOICES * drift[t] - cost + value
        best_choice[t], value = worth.argmax(axis=1), worth.max(axis=1)
    holding, targets = 1, np.empty(len(drift))
    for t in range(len(drift)):
        holding = best_choice[t, holding]
        targets[t] = CHOICES[holding]
    return targets


def _belief_in_up(returns: Floats, stay: float, drift: float, noise: float) -> Floats:
    """P(the drift is up | returns until now), by the forward filter of the two-state hidden Markov chain."""
    odds, belief = 2.0 * drift * returns / noise**2, np.empty(len(returns))  # log likelihood ratio of each return
    probability = 0.5
    for t in range(len(returns)):
        before = stay * probability + (1.0 - stay) * (1.0 - probability)
        probability = 1.0 / (1.0 + (1.0 - before) / before * np.exp(-odds[t]))
        belief[t] = probability
    return belief


def _by_belief(belief: Floats, threshold: float) -> Floats:
    """Long when surely up, short when surely down, and in between what was held."""
    decided = np.where(belief > threshold, 1.0, np.where(belief < 1.0 - threshold, -1.0, np.nan))
    return pd.Series(decided).ffill().fillna(0.0).to_numpy()
