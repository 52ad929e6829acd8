"""Tests by market, against another formula of the same t-value, and on traders who flip coins."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from evaluation.imitation.baselines import SimpleRules
from evaluation.imitation.figures import LEAST_MARKETS
from evaluation.imitation.measures.intervals import market_interval
from evaluation.imitation.measures.skill import market_tests
from evaluation.imitation.record import evidence_of
from evaluation.records.standing import RUN, settle
from tests.support.models.copies import market, random_codes, record


def test_on_markets_of_equal_length_it_is_the_t_test_of_their_differences() -> None:
    more = np.array([3.0, -1.0, 4.0, 1.0, 5.0, -2.0, 2.0, 6.0, 0.0])
    tests = market_tests(more, np.full(9, 20.0), prefixes=2)
    assert tests.better[-1] == pytest.approx(stats.ttest_1samp(more, 0.0, alternative="greater").pvalue)
    assert tests.worse[-1] == pytest.approx(stats.ttest_1samp(more, 0.0, alternative="less").pvalue)
    assert tests.better[0] == pytest.approx(stats.ttest_1samp(more[:-1], 0.0, alternative="greater").pvalue)


def test_too_few_markets_and_no_difference_at_all_prove_nothing() -> None:
    few = market_tests(np.full(LEAST_MARKETS - 1, 5.0) + np.arange(LEAST_MARKETS - 1), np.full(LEAST_MARKETS - 1, 20.0))
    assert few.better.tolist() == few.worse.tolist() == [1.0] * RUN
    same = market_tests(np.zeros(30), np.full(30, 20.0))
    assert same.better.tolist() == [1.0] * RUN


def test_an_interval_over_markets_is_about_as_wide_as_their_spread_says() -> None:
    shares = np.random.default_rng(1).normal(50.0, 10.0, 40)
    rows = np.column_stack([shares, np.full(40, 100.0)])
    interval = market_interval(rows, lambda sums: sums[:, 0] / sums[:, 1])
    assert interval.low is not None
    assert interval.high is not None
    expected = 2 * 1.645 * shares.std() / np.sqrt(40) / 100.0
    assert interval.high - interval.low == pytest.approx(expected, rel=0.1)
    assert market_interval(rows[:3], lambda sums: sums[:, 0] / sums[:, 1]).low is None


def test_copies_of_traders_who_flip_coins_are_proven_in_less_than_one_case_of_twenty() -> None:
    random = np.random.default_rng(7)
    traders, proven, passed = 160, 0, 0
    for _ in range(traders):
        # five equally likely decisions: no rule is better than another, and guessing is as good
        rules = SimpleRules.fit([random.choice(5, 30) for _ in range(10)])
        decided = [market(number, random.choice(5, 30), random.choice(5, 30), rules) for number in range(32)]
        evidence = evidence_of(record(decided))
        passed += evidence.skill[-1] <= 0.05
        proven += settle({"it": evidence}, {}, tried=1, confidence=0.95)["it"] == "proven"
    assert passed <= 0.05 * traders
    assert proven <= 0.01 * traders


def test_a_copy_that_is_right_more_often_than_every_rule_is_proven_and_one_that_is_always_wrong_refuted() -> None:
    random = np.random.default_rng(8)
    actual = [random_codes(random, 30) for _ in range(32)]
    rules = SimpleRules.fit(actual)
    right = [np.where(random.random(30) < 0.6, codes, random_codes(random, 30)) for codes in actual]
    wrong = [(codes + 1) % 5 for codes in actual]
    for copied, standing in ((right, "proven"), (wrong, "refuted")):
        decided = [market(number, *pair, rules) for number, pair in enumerate(zip(actual, copied, strict=True))]
        evidence = evidence_of(record(decided))
        assert settle({"it": evidence}, {}, tried=3, confidence=0.95) == {"it": standing}
