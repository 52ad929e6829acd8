"""The kernels against plain definitions, and their exactness against numpy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation import compute_metrics
from evaluation.metrics import formulas, kernels

RETURNS = st.lists(
    st.one_of(st.sampled_from([0.0, 0.1, -0.1, -0.5, 1.0]), st.floats(-0.99, 3.0)), min_size=1, max_size=60
).map(np.array)


@given(returns=RETURNS)
def test_depth_is_the_lowest_share_of_the_peak_so_far(returns: np.ndarray):
    assert kernels.depth(returns) == pytest.approx(1.0 + formulas.drawdowns(returns).min() / 100.0, rel=1e-12)


@given(returns=RETURNS)
def test_growth_is_the_product(returns: np.ndarray):
    assert kernels.growth(returns) == pytest.approx(math.prod(1.0 + returns), rel=1e-12)


def episodes(depths: np.ndarray) -> list[np.ndarray]:
    """The positions of each drawdown, from its first bar below the peak to its last."""
    under = np.flatnonzero(depths < 0.0)
    return np.split(under, np.flatnonzero(np.diff(under) > 1) + 1) if under.size else []


@given(returns=RETURNS)
def test_falls_are_the_spans_below_a_peak(returns: np.ndarray):
    depths = formulas.drawdowns(returns)
    spans, falls = episodes(depths), kernels.falls(returns)
    assert falls.number == len(spans)
    assert falls.depths == pytest.approx(sum(1.0 + depths[span].min() / 100.0 for span in spans), rel=1e-12)
    if spans:
        deepest = min(spans, key=lambda span: depths[span].min())
        assert falls.trough == int(np.argmin(depths))
        assert falls.start == deepest[0] - 1
        assert falls.recovery == (deepest[-1] + 1 if deepest[-1] + 1 < len(depths) else -1)


@given(
    values=st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=50).map(np.array),
    repeat=st.sampled_from([1, 7, 41, 100]),
    centre=st.floats(-10.0, 10.0),
    ceiling=st.sampled_from([0.0, math.inf]),
)
def test_sums_of_squares_are_exact(values: np.ndarray, repeat: int, centre: float, ceiling: float):
    values = np.tile(values, repeat)
    exact = math.fsum((np.minimum(values - centre, ceiling) ** 2).tolist())
    assert kernels.sum_of_squares(values, centre, ceiling) == pytest.approx(exact, rel=1e-14, abs=1e-300)


@pytest.mark.parametrize("seed", range(3))
def test_a_million_returns_are_summed_as_exactly_as_numpy_does(seed: int):
    returns = np.random.default_rng(seed).standard_t(4, 1_000_000) * 1e-3 + 1.0
    mean = float(np.mean(returns))
    exact = math.fsum(((returns - mean) ** 2).tolist())
    ours = abs(kernels.sum_of_squares(returns, mean) - exact)
    assert ours <= max(2.0 * abs(float(np.sum((returns - mean) ** 2)) - exact), 4.0 * math.ulp(exact))


@given(returns=RETURNS, factor=st.floats(0.1, 10.0))
def test_ratios_do_not_depend_on_the_unit_of_returns(returns: np.ndarray, factor: float):
    small = returns * 1e-3
    ours, scaled = (compute_metrics(series, periods_per_year=252.0) for series in (small, small * factor / 10.0))
    for name in ("sharpe_ratio", "sortino_ratio", "omega_ratio"):
        if ours[name] is not None and scaled[name] is not None:
            assert ours[name] == pytest.approx(scaled[name], rel=1e-6, abs=1e-9)
