from __future__ import annotations

import math

import numpy as np
import pytest

from evaluation.metrics.formulas import UndefinedError
from evaluation.statistics.significance import (
    TrackRecord,
    Trials,
    deflated_sharpe_ratio,
    expected_maximum,
    minimum_track_record,
    probabilistic_sharpe_ratio,
    significance,
)

# Bailey and Lopez de Prado (2012): 24 months of a hedge fund, mean 3.6 %, deviation 7.9 %.
FUND = TrackRecord(0.036 / 0.079, skewness=-2.448, kurtosis=10.164, length=24)
# The same (2014): five years of 250 days, 2.5 by the year, the best of 100 whose Sharpe ratios have variance 1/2.
DAILY = TrackRecord(2.5 / math.sqrt(250), skewness=-3.0, kurtosis=10.0, length=1250)
VARIANCE = 0.5 / 250


def normal(record: TrackRecord) -> TrackRecord:
    return TrackRecord(record.sharpe, 0.0, 3.0, record.length)


def test_the_probabilistic_sharpe_ratio_is_that_of_the_paper():
    assert probabilistic_sharpe_ratio(FUND) == pytest.approx(0.913, abs=5e-4)
    assert probabilistic_sharpe_ratio(normal(FUND)) == pytest.approx(0.982, abs=1e-3)


def test_the_deflated_sharpe_ratio_is_that_of_the_paper():
    assert expected_maximum(100, VARIANCE) == pytest.approx(0.1132, abs=5e-5)
    assert deflated_sharpe_ratio(DAILY, 100, VARIANCE) == pytest.approx(0.9004, abs=5e-5)
    assert deflated_sharpe_ratio(DAILY, 46, VARIANCE) == pytest.approx(0.9505, abs=5e-5)
    assert deflated_sharpe_ratio(normal(DAILY), 88, VARIANCE) == pytest.approx(0.9505, abs=5e-5)


def test_the_minimum_track_record_is_that_of_the_paper():
    daily = TrackRecord(2.0 / math.sqrt(252), 0.0, 3.0, 252)
    assert minimum_track_record(daily, 1.0 / math.sqrt(252)) / 252 == pytest.approx(2.73, abs=5e-3)


def test_a_record_is_told_by_its_moments():
    returns = np.array([0.02, -0.01, 0.03, 0.0, -0.02, 0.04])
    record = TrackRecord.of(returns)
    scores = (returns - 0.01) / math.sqrt(np.mean((returns - 0.01) ** 2))
    assert record.sharpe == pytest.approx(0.01 / math.sqrt(np.sum((returns - 0.01) ** 2) / 5))
    assert (record.skewness, record.kurtosis) == pytest.approx((np.mean(scores**3), np.mean(scores**4)))
    assert record.length == 6


def test_a_record_as_long_as_the_minimum_is_just_as_sure_as_was_asked():
    for confidence in (0.9, 0.95, 0.99):
        bars = minimum_track_record(FUND, 0.1, confidence)
        longer = TrackRecord(FUND.sharpe, FUND.skewness, FUND.kurtosis, round(bars))
        assert probabilistic_sharpe_ratio(longer, 0.1) == pytest.approx(confidence, abs=2e-3)


def test_the_best_of_so_many_without_skill_is_as_good_as_expected():
    rng = np.random.default_rng(1)
    for trials in (2, 10, 100, 1000):
        best = rng.normal(0.0, 0.3, (2000, trials)).max(axis=1).mean()
        assert expected_maximum(trials, 0.09) == pytest.approx(best, rel=0.1)
    assert expected_maximum(1, 0.09) == 0.0


def test_the_significance_is_told_by_the_year_and_counts_the_trial_itself():
    returns = np.random.default_rng(2).normal(0.001, 0.01, 504)
    others = (0.2, 0.9, -0.4)
    found = significance(returns, periods_per_year=252, trials=Trials(5, others))
    record = TrackRecord.of(returns)
    variance = np.var([record.sharpe * math.sqrt(252), *others], ddof=1) / 252
    assert found.expected_maximum_sharpe == pytest.approx(expected_maximum(5, variance) * math.sqrt(252))
    assert found.deflated_sharpe_ratio == pytest.approx(deflated_sharpe_ratio(record, 5, variance))
    assert found.probabilistic_sharpe_ratio == pytest.approx(probabilistic_sharpe_ratio(record))
    assert found.minimum_track_record == pytest.approx(minimum_track_record(record))
    assert (found.trials, found.track_record, found.reasons) == (5, 504, {})


def test_a_single_trial_needs_no_deflation_and_more_of_them_need_more():
    returns = np.random.default_rng(2).normal(0.001, 0.01, 504)
    found = [significance(returns, periods_per_year=252, trials=Trials(count)) for count in (1, 2, 10, 1000)]
    deflated = [each.deflated_sharpe_ratio for each in found]
    assert deflated[0] == found[0].probabilistic_sharpe_ratio
    assert deflated == sorted(deflated, reverse=True)


@pytest.mark.parametrize(
    ("returns", "per_year", "reasons"),
    [
        (np.zeros(252), 252, {"zero_variance"}),
        (np.array([0.01]), 252, {"too_short"}),
        (np.empty(0), 252, {"too_short"}),
        (np.tile([0.01, -0.01], 100), None, {"unknown_period", "no_edge"}),
        (np.tile([0.01, -0.02], 100), 252, {"no_edge"}),
    ],
)
def test_what_is_undefined_is_none_with_its_reason(returns, per_year, reasons):
    found = significance(returns, periods_per_year=per_year, trials=Trials(3, (0.1, 0.2))).to_dict()
    assert set(found["reasons"].values()) == reasons
    for name, value in found.items():
        assert (value is None) == (name in found["reasons"])


def test_no_track_record_is_long_enough_for_what_earns_nothing():
    with pytest.raises(UndefinedError, match="no_edge"):
        minimum_track_record(TrackRecord(0.05, 0.0, 3.0, 252), benchmark=0.05)
