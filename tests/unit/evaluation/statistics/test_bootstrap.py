from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.metrics.formulas import UndefinedError, sharpe_ratio
from evaluation.statistics.bootstrap import block_length, intervals, sharpe_difference
from evaluation.statistics.resampling import resampled_sharpes, standard_error

CASES = json.loads((Path(__file__).parents[3] / "golden" / "bootstrap.json").read_text())
NOBODY = np.empty(0)


def noise(bars: int = 252, seed: int = 0, mean: float = 0.0005) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 0.01, bars)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_block_length_and_resampled_sharpe_ratios_are_those_of_arch(case: dict) -> None:
    values = np.array(case["values"])
    assert block_length(values) == pytest.approx(max(case["length"], 1.0), rel=1e-12)
    drawn, _ = resampled_sharpes(np.random.default_rng(0), values, NOBODY, block_length(values), 10_000)
    expected = list(case["sharpes"].values())
    measured = np.quantile(drawn, [float(at) for at in case["sharpes"]])
    assert measured == pytest.approx(expected, abs=0.06 * float(np.std(drawn)))


def test_the_error_is_that_of_the_stationary_bootstrap() -> None:
    values = np.array(CASES[3]["values"])
    influence, n, keep = values - values.mean(), len(values), 1.0 - 1.0 / 7.0
    covariance = [influence[lag:] @ influence[: n - lag] / n for lag in range(n)]
    long_run = covariance[0] + 2.0 * sum(keep**lag * covariance[lag] for lag in range(1, n))
    assert standard_error(influence, 7.0) == pytest.approx(math.sqrt(long_run / n), rel=1e-12)


def test_the_estimate_lies_between_its_bounds_which_narrow_with_more_bars() -> None:
    short, long = (intervals(noise(bars), periods_per_year=252) for bars in (252, 2520))
    for measured in (short, long):
        for interval in (measured.sharpe_ratio, measured.total_return):
            assert interval is not None
            assert interval.low < interval.estimate < interval.high
        assert measured.max_drawdown is not None
        assert -100.0 <= measured.max_drawdown.low < measured.max_drawdown.high <= 0.0
    assert short.sharpe_ratio is not None
    assert long.sharpe_ratio is not None
    assert short.sharpe_ratio.high - short.sharpe_ratio.low > 2.5 * (long.sharpe_ratio.high - long.sharpe_ratio.low)


def test_the_same_seed_gives_the_same_bounds_and_another_seed_nearly_the_same() -> None:
    one, second, other = (intervals(noise(), periods_per_year=252, seed=seed) for seed in (1, 1, 2))
    assert one == second
    assert one != other
    assert one.sharpe_ratio is not None
    assert other.sharpe_ratio is not None
    assert one.sharpe_ratio.low == pytest.approx(other.sharpe_ratio.low, abs=0.15)


def test_a_wider_level_gives_wider_bounds_and_confidence_agrees_with_the_bounds() -> None:
    returns = noise(mean=0.001)
    measured = [sharpe_difference(returns, None, periods_per_year=252, level=level) for level in (0.5, 0.9, 0.99)]
    assert [interval.low for interval in measured] == sorted((interval.low for interval in measured), reverse=True)
    for interval in measured:
        assert (interval.low > 0.0) == (interval.confidence > 0.5 + 0.5 * interval.level)


def test_what_moves_two_alike_is_no_doubt_about_their_difference() -> None:
    market, skill = noise(), noise(seed=1, mean=0.001) * 0.3
    paired = sharpe_difference(market + skill, market, periods_per_year=252)
    apart = sharpe_difference(market + skill, None, periods_per_year=252)
    assert paired.high - paired.low < 0.5 * (apart.high - apart.low)
    assert paired.difference == pytest.approx(sharpe_ratio(market + skill, 252) - sharpe_ratio(market, 252))


def test_the_difference_turned_round_is_its_negative() -> None:
    ours, rival = noise(), noise(seed=1)
    one, other = (sharpe_difference(*pair, periods_per_year=252) for pair in ((ours, rival), (rival, ours)))
    assert (one.difference, one.low, one.high) == pytest.approx((-other.difference, -other.high, -other.low))
    assert one.confidence == pytest.approx(1.0 - other.confidence, abs=1e-3)


@pytest.mark.parametrize(
    ("returns", "reason"),
    [
        (noise(19), "too_short"),
        (np.zeros(252), "zero_variance"),
        (np.full(252, 0.001), "zero_variance"),
        (np.where(np.arange(252) == 7, 0.1, 0.0), "zero_variance"),  # most histories would lack its only day
    ],
)
def test_what_is_undefined_has_a_reason(returns: np.ndarray, reason: str) -> None:
    measured = intervals(returns, periods_per_year=252)
    assert measured.sharpe_ratio is None
    assert measured.reasons["sharpe_ratio"] == reason
    with pytest.raises(UndefinedError, match=reason):
        sharpe_difference(returns, None, periods_per_year=252)


def test_a_ruined_account_has_no_growth_and_bars_without_a_calendar_no_year() -> None:
    ruined = intervals(np.concatenate([noise(), [-1.0]]), periods_per_year=252)
    assert ruined.reasons == {"total_return": "ruined", "max_drawdown": "ruined"}
    assert intervals(noise(), periods_per_year=None).reasons == {"sharpe_ratio": "unknown_period"}


def test_two_that_are_the_same_have_no_difference_to_measure() -> None:
    with pytest.raises(UndefinedError, match="zero_variance"):
        sharpe_difference(noise(), noise(), periods_per_year=252)


@given(st.lists(st.floats(-0.5, 0.5, width=32), min_size=20, max_size=80), st.integers(0, 5))
def test_whatever_the_returns_every_bound_is_a_number_in_order(values: list[float], seed: int) -> None:
    measured = intervals(np.array(values), periods_per_year=252, resamples=50, seed=seed)
    for name in ("sharpe_ratio", "total_return", "max_drawdown"):
        interval = getattr(measured, name)
        assert (interval is None) == (name in measured.reasons)
        if interval is not None:
            assert math.isfinite(interval.low)
            assert math.isfinite(interval.high)
            assert interval.low <= interval.high
