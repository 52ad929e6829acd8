"""How often noise is taken for skill, and how often bounds hold the truth: many made-up traders of known skill."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evaluation import Costs, backtest
from evaluation.statistics.bootstrap import intervals, sharpe_difference
from evaluation.statistics.overfitting import overfitting
from evaluation.statistics.significance import TrackRecord, deflated_sharpe_ratio, probabilistic_sharpe_ratio
from tests.support.markets.prices import series, walk
from tests.support.markets.simulated_returns import DEVIATION, KINDS, YEAR, simulate

SURE = 0.95


def sharpes(returns: np.ndarray) -> np.ndarray:
    return returns.mean(axis=-1) / returns.std(axis=-1, ddof=1)


def passes(returns: np.ndarray, trials: np.ndarray) -> bool:
    return deflated_sharpe_ratio(TrackRecord.of(returns), len(trials), float(np.var(trials, ddof=1))) > SURE


@pytest.mark.parametrize("kind", ["normal", "fat tails", "crashes"])
def test_of_a_thousand_traders_without_skill_at_most_one_in_twenty_passes(kind):
    returns = simulate(kind, np.random.default_rng(3), 1000, YEAR)
    trials = sharpes(returns)
    alone = np.mean([probabilistic_sharpe_ratio(TrackRecord.of(each)) > SURE for each in returns])
    assert 0.03 < alone < 0.07, "each on its own is right nineteen times in twenty"
    assert np.mean([passes(each, trials) for each in returns]) <= 0.05


@pytest.mark.parametrize("count", [2, 10, 100])
def test_the_best_of_many_without_skill_passes_at_most_once_in_twenty_times(count):
    rng = np.random.default_rng(count)
    won = 0
    for _ in range(1000):
        returns = simulate("fat tails", rng, count, YEAR)
        trials = sharpes(returns)
        won += passes(returns[np.argmax(trials)], trials)
    assert won / 1000 <= 0.05


def test_the_best_of_hundreds_of_random_traders_in_one_market_does_not_pass():
    bars = walk(YEAR, drift=0.0)
    guesses = np.random.default_rng(4).choice([-0.9, 0.0, 0.9], (250, YEAR // 4 + 1)).repeat(4, axis=1)[:, :YEAR]
    tests = backtest(bars, {str(row): series(each, bars) for row, each in enumerate(guesses)}, Costs(0.0, 0.0))
    returns = np.array([test.returns.to_numpy() for test in tests.values()])
    trials = sharpes(returns)
    assert trials.max() * math.sqrt(252) > 2.0, "luck alone looks like this"
    assert not any(passes(each, trials) for each in returns)


def test_skill_is_not_deflated_away():
    rng = np.random.default_rng(5)
    found = 0
    for _ in range(200):
        returns = simulate("normal", rng, 100, 5 * YEAR)
        returns[0] += DEVIATION * 3.0 / math.sqrt(YEAR)
        found += passes(returns[0], sharpes(returns))
    assert found / 200 > 0.9


def test_choosing_among_noise_is_overfitting_and_choosing_skill_is_not():
    rng = np.random.default_rng(6)
    selections = [overfitting(rng.normal(size=(2 * YEAR, 50)), blocks=8) for _ in range(60)]
    assert np.mean([each.probability for each in selections]) == pytest.approx(0.5, abs=0.08)
    assert np.mean([each.loss for each in selections]) == pytest.approx(0.5, abs=0.08)
    skilled = rng.normal(size=(2 * YEAR, 50))
    skilled[:, 7] += 0.3
    assert overfitting(skilled, blocks=8).probability < 0.01


def coverage(kind: str, *, traders: int, bars: int, resamples: int, sharpe: float = 1.0) -> dict[str, float]:
    """How often the bounds at 90 % hold the truth, for the figures that have one."""
    rng = np.random.default_rng([bars, list(KINDS).index(kind)])
    ours, noise = simulate(kind, rng, traders, bars, sharpe), simulate("normal", rng, traders, bars)
    rivals = 0.7 * ours + 0.5 * noise  # much like ours, and worse
    apart = sharpe * (1.0 - 0.7 / math.hypot(0.7, 0.5))
    growth = np.mean(np.log1p(simulate(kind, rng, 500, 4000, sharpe)))
    covered: dict[str, list[bool]] = {"sharpe_ratio": [], "total_return": [], "difference": []}
    for row, (mine, other) in enumerate(zip(ours, rivals, strict=True)):
        found = intervals(mine, periods_per_year=YEAR, resamples=resamples, seed=row)
        both = sharpe_difference(mine, other, periods_per_year=YEAR, resamples=resamples, seed=row)
        covered["sharpe_ratio"].append(found.sharpe_ratio.low <= sharpe <= found.sharpe_ratio.high)
        covered["total_return"].append(
            found.total_return.low <= 100.0 * math.expm1(bars * growth) <= found.total_return.high
        )
        covered["difference"].append(both.low <= apart <= both.high)
    return {name: float(np.mean(each)) for name, each in covered.items()}


@pytest.mark.parametrize("kind", ["normal", "trending"])
def test_bounds_at_ninety_percent_hold_the_truth_about_nine_times_in_ten(kind):
    for share in coverage(kind, traders=400, bars=YEAR, resamples=400).values():
        assert share == pytest.approx(0.9, abs=0.045)


@pytest.mark.slow
@pytest.mark.parametrize("bars", [YEAR, 3 * YEAR])
@pytest.mark.parametrize("kind", list(KINDS))
def test_bounds_hold_the_truth_at_their_rate_within_two_points_for_a_year_of_returns_and_more(kind, bars):
    traders = 3000 if bars == YEAR else 2000
    chance = 2.0 * math.sqrt(0.9 * 0.1 / traders)  # so far may the share among so many be from the true one
    for name, share in coverage(kind, traders=traders, bars=bars, resamples=1000).items():
        assert share == pytest.approx(0.9, abs=0.02 + chance), name


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(KINDS))
def test_one_year_of_noise_is_surely_better_than_cash_about_as_often_as_it_may_be(kind):
    returns = simulate(kind, np.random.default_rng(8), 3000, YEAR)
    sure = [sharpe_difference(each, None, periods_per_year=YEAR, resamples=1000).confidence > SURE for each in returns]
    assert np.mean(sure) <= 0.05 + 0.02
