"""The markets that agents must learn from: what is called the best in them is the best."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from tests.support.markets.planted_patterns import Planted, noisy_sine, pure_noise, regime_switch


@pytest.mark.parametrize("seed", range(3))
def test_no_sequence_of_targets_earns_more_on_a_wave_without_noise(seed: int) -> None:
    planted = noisy_sine(6, seed, period=5, noise=0.0)
    earned = max(planted.growth(np.array(targets)) for targets in product((-1.0, 0.0, 1.0), repeat=6))
    assert planted.best_growth == pytest.approx(earned, abs=2e-4)  # opens are a hundredth of a percent off


@pytest.mark.parametrize("market", [noisy_sine, regime_switch])
def test_a_planted_pattern_pays_after_costs_and_holding_does_not_find_it(market: Callable[[int, int], Planted]) -> None:
    planted = market(2000, 5)
    assert planted.best_growth > 3.0
    assert planted.growth(np.ones(2000)) < 2.0


def test_knowing_the_regime_from_returns_beats_any_momentum() -> None:
    planted = regime_switch(5000, 11)
    price = np.log(planted.bars.frame["close"])
    momenta = [np.sign(price.diff(bars)).fillna(0.0).to_numpy() for bars in range(1, 40)]
    assert planted.best_growth > max(map(planted.growth, momenta))


def test_in_pure_noise_momentum_and_reversal_both_lose() -> None:
    planted = pure_noise(3000, 2)
    follow = np.sign(planted.bars.frame["close"].diff()).fillna(0.0).to_numpy()
    assert planted.best_growth == 0.0
    assert planted.growth(follow) < 0.0
    assert planted.growth(-follow) < 0.0
