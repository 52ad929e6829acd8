from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

from config.errors import NightdeskError, UsageError
from data_pipeline.features.fractional import difference, smallest_order, weights
from data_pipeline.features.stationarity import is_stationary

ORDERS = st.floats(0.0, 2.0)


@pytest.mark.parametrize(("tau", "width"), [(1e-3, 55), (1e-4, 282), (1e-5, 1458)])
def test_the_window_is_as_wide_as_its_smallest_weight_allows(tau: float, width: int) -> None:
    window = weights(0.4, tau)
    assert len(window) == width
    assert abs(window[-1]) >= tau > abs(scipy.special.binom(0.4, width))


@given(ORDERS)
def test_the_weights_are_the_binomial_series(d: float) -> None:
    window = weights(d, 1e-4)
    k = np.arange(len(window))
    np.testing.assert_allclose(window, (-1.0) ** k * scipy.special.binom(d, k), rtol=1e-8, atol=1e-12)


def test_weights_worked_by_hand() -> None:
    assert weights(0.5, 0.03).tolist() == [1.0, -0.5, -0.125, -0.0625, -0.0390625]
    assert weights(0.0).tolist() == [1.0]
    assert weights(1.0).tolist() == [1.0, -1.0]
    assert weights(2.0).tolist() == [1.0, -2.0, 1.0]


def test_whole_orders_are_the_series_itself_and_its_differences() -> None:
    values = np.random.default_rng(1).normal(size=100)
    np.testing.assert_array_equal(difference(values, 0.0), values)
    np.testing.assert_allclose(difference(values, 1.0)[1:], np.diff(values), rtol=1e-12)
    np.testing.assert_allclose(difference(values, 2.0)[2:], np.diff(values, n=2), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rows", [0, 1, 54, 55, 56, 1078, 1079, 3000])
def test_each_difference_is_the_sum_over_its_window(rows: int) -> None:
    values = np.cumsum(np.random.default_rng(rows).normal(size=rows)) + 50.0
    got, window = difference(values, 0.4), weights(0.4)
    assert np.isnan(got[:54]).all()
    for t in range(54, rows, 7):
        assert got[t] == pytest.approx(math.fsum(window * values[t - 54 : t + 1][::-1]), rel=1e-10, abs=1e-10)


@given(rows=st.integers(1, 2600), cut=st.integers(1, 2600), seed=st.integers(0, 99), tau=st.sampled_from([1e-3, 1e-4]))
def test_cutting_off_the_end_changes_no_bit_of_what_is_left(rows: int, cut: int, seed: int, tau: float) -> None:
    values = np.cumsum(np.random.default_rng(seed).normal(size=rows))
    whole, part = difference(values, 0.4, tau), difference(values[:cut], 0.4, tau)
    np.testing.assert_array_equal(part.view("u8"), whole[:cut].view("u8"))


@pytest.mark.parametrize(("d", "tau"), [(-0.1, 1e-3), (2.1, 1e-3), (math.nan, 1e-3), (0.4, 0.0), (0.4, 1.0)])
def test_orders_without_a_window_are_refused(d: float, tau: float) -> None:
    with pytest.raises(UsageError, match="Choose d from 0 to 2"):
        weights(d, tau)


def test_a_window_without_end_is_refused() -> None:
    with pytest.raises(UsageError, match="larger tau"):
        weights(0.1, 1e-12)


def test_noise_needs_no_difference_and_a_walk_less_than_a_whole_one() -> None:
    noise = np.random.default_rng(2).normal(size=1500)
    order = smallest_order(np.cumsum(noise))
    assert smallest_order(noise) == 0.0
    assert 0.0 < order < 1.0
    below = difference(np.cumsum(noise), round(order - 0.05, 2))
    assert not is_stationary(below[~np.isnan(below)])


def test_a_series_too_short_for_the_test_is_refused() -> None:
    with pytest.raises(NightdeskError) as caught:
        smallest_order(np.cumsum(np.ones(30)))
    assert caught.value.code == "stationarity.undefined"


def test_a_series_that_no_whole_difference_makes_stationary_is_refused() -> None:
    twice = np.cumsum(np.cumsum(np.random.default_rng(3).normal(size=800)))
    with pytest.raises(NightdeskError, match="longer training span") as caught:
        smallest_order(twice)
    assert caught.value.code == "fractional.not_stationary"
