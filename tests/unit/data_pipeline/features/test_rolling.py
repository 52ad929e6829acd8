"""Each statistic against one window at a time, and what running sums would get wrong."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from data_pipeline.features import rolling

Statistic = Callable[[np.ndarray, int], np.ndarray]
ORACLES: dict[str, tuple[Statistic, Callable[[np.ndarray], float]]] = {
    "mean": (rolling.mean, np.mean),
    "variance": (rolling.variance, lambda window: np.var(window, ddof=1)),
    "deviation": (rolling.deviation, lambda window: np.std(window, ddof=1)),
    "score": (rolling.score, lambda window: (window[-1] - np.mean(window)) / np.std(window, ddof=1)),
    "skewness": (rolling.skewness, lambda window: scipy.stats.skew(window, bias=False)),
    "kurtosis": (rolling.kurtosis, lambda window: scipy.stats.kurtosis(window, bias=False)),
    "quantile": (lambda values, n: rolling.quantile(values, n, 0.3), lambda window: np.quantile(window, 0.3)),
}
every_statistic = pytest.mark.parametrize("name", ORACLES)
VALUES = arrays(np.float64, st.integers(0, 80), elements=st.floats(-1e6, 1e6, width=32))


def test_every_statistic_has_an_oracle() -> None:
    own = {name for name, f in inspect.getmembers(rolling, inspect.isfunction) if f.__module__ == rolling.__name__}
    assert set(ORACLES) == {name for name in own if not name.startswith("_")} - {"ratio"}


@every_statistic
@pytest.mark.parametrize("n", [5, 20, 1500])
def test_a_statistic_is_that_of_each_window_by_itself(name: str, n: int) -> None:
    """Longer than a block of windows, and with windows longer than one."""
    values = np.random.default_rng(n).standard_t(4, 2600)
    statistic, oracle = ORACLES[name]
    got = statistic(values, n)
    assert np.isnan(got[: n - 1]).all()
    for t in (n - 1, n, n + 1022, n + 1023, n + 1024, 2599):
        np.testing.assert_allclose(got[t], oracle(values[t - n + 1 : t + 1]), rtol=1e-10, atol=1e-12)


@every_statistic
@given(values=VALUES, n=st.integers(4, 30), data=st.data())
def test_cutting_off_either_end_changes_no_bit_of_the_full_windows_left(
    name: str, values: np.ndarray, n: int, data: st.DataObject
) -> None:
    begin = data.draw(st.integers(0, len(values)), label="begin")
    end = data.draw(st.integers(begin, len(values)), label="end")
    statistic, _ = ORACLES[name]
    whole, part = statistic(values, n), statistic(values[begin:end], n)
    np.testing.assert_array_equal(part[n - 1 :].view("u8"), whole[begin + n - 1 : max(end, begin + n - 1)].view("u8"))


@every_statistic
def test_one_wild_value_is_forgotten_when_it_leaves_the_window(name: str) -> None:
    calm = np.random.default_rng(1).normal(size=200)
    wild = calm.copy()
    wild[50] = 1e15
    statistic, _ = ORACLES[name]
    np.testing.assert_array_equal(statistic(wild, 20)[70:], statistic(calm, 20)[70:])


@every_statistic
@given(level=st.floats(-1e9, 1e9, width=32), n=st.integers(4, 25))
def test_a_flat_window_is_its_level_and_has_no_shape(name: str, level: float, n: int) -> None:
    statistic, _ = ORACLES[name]
    expected = level if name in ("mean", "quantile") else 0.0
    np.testing.assert_array_equal(statistic(np.full(30, level), n)[n - 1 :], expected)


@every_statistic
def test_values_that_begin_undefined_give_statistics_that_begin_so_much_later(name: str) -> None:
    values = np.random.default_rng(2).normal(size=40)
    statistic, _ = ORACLES[name]
    late = statistic(np.concatenate([[np.nan] * 3, values]), 10)
    np.testing.assert_array_equal(late, np.concatenate([[np.nan] * 3, statistic(values, 10)]))


@every_statistic
def test_a_window_with_a_hole_in_it_is_undefined_and_no_other(name: str) -> None:
    values = np.random.default_rng(3).normal(size=80)
    holed = values.copy()
    holed[[20, 21, 50]] = np.nan
    statistic, _ = ORACLES[name]
    got, full = statistic(holed, 10), statistic(values, 10)
    hollow = np.convolve(np.isnan(holed), np.ones(10))[:80] > 0
    np.testing.assert_array_equal(got, np.where(hollow, np.nan, full))


def test_a_ratio_to_nothing_is_what_was_asked_for_and_the_unknown_stays_unknown() -> None:
    over, under = np.array([1.0, 1.0, np.nan, 6.0]), np.array([0.0, np.nan, 0.0, 3.0])
    np.testing.assert_array_equal(rolling.ratio(over, under, otherwise=7.0), [7.0, np.nan, np.nan, 2.0])
