from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from evaluation.records.challenge import superiority
from evaluation.records.skill import RecordReturns
from evaluation.records.standing import RUN

N = 500
MARKET = 0.01 * np.random.default_rng(0).standard_normal(N) + 0.002


def holding(position: np.ndarray | float, extra: float = 0.0) -> RecordReturns:
    weights = np.broadcast_to(np.asarray(position, dtype="f8"), N)
    noise = 0.001 * np.random.default_rng(1).standard_normal(N) if extra else 0.0
    zeros = np.zeros(N)
    return RecordReturns(weights * MARKET + extra + noise, MARKET, weights, weights, zeros, MARKET, 0.0)


def test_it_is_the_largest_of_both_paired_tests_at_each_of_the_last_bars() -> None:
    random = np.random.default_rng(2)
    one, other = holding(random.choice([0.0, 1.0], N), 1e-4), holding(random.choice([0.0, 1.0], N))
    p_values: list[float] = []
    for length in range(N - RUN + 1, N + 1):
        plain = (one.excess - other.excess)[:length]
        exposure = one.position[:length].mean() - other.position[:length].mean()
        pairs = (plain, plain - exposure * MARKET[:length])
        p_values += [stats.ttest_1samp(pair, 0.0, alternative="greater").pvalue for pair in pairs]
    assert len(p_values) == 2 * RUN
    assert superiority(one, other) == pytest.approx(max(p_values))


def test_a_better_timer_of_the_same_exposure_is_better() -> None:
    assert superiority(holding(0.5, 0.001), holding(0.5)) < 1e-6
    assert superiority(holding(0.5), holding(0.5, 0.001)) > 1.0 - 1e-6


def test_more_of_a_rising_market_is_not_better() -> None:
    more, less = holding(1.0), holding(0.5)
    assert stats.ttest_1samp(more.excess - less.excess, 0.0, alternative="greater").pvalue < 0.05
    assert superiority(more, less) > 0.4


def test_the_same_record_is_not_better_than_itself() -> None:
    assert superiority(holding(0.5), holding(0.5)) == 1.0


def test_too_few_bars_show_nothing() -> None:
    two = np.array([0.01, 0.02])
    zeros = np.zeros(2)
    winner = RecordReturns(two, zeros, zeros, zeros, zeros, zeros, 0.0)
    assert superiority(winner, RecordReturns(zeros, zeros, zeros, zeros, zeros, zeros, 0.0)) == 1.0
