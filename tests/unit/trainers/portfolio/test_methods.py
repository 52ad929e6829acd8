from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import LedoitWolf

from config.errors import NightdeskError
from trainers.portfolio.covariance import ledoit_wolf
from trainers.portfolio.methods import allocate, capped, hrp, inverse_volatility, minimum_variance

ALL = ["equal", "inverse_volatility", "minimum_variance", "hrp"]


def test_two_symbols_by_hand():
    covariance = np.array([[0.04, 0.0], [0.0, 0.01]])
    np.testing.assert_allclose(inverse_volatility(covariance), [1 / 3, 2 / 3])
    np.testing.assert_allclose(minimum_variance(covariance), [0.2, 0.8])
    np.testing.assert_allclose(hrp(covariance), [0.2, 0.8])
    # 0.04 a + 0.018 b = 0.018 a + 0.01 b has a below 0: the least variance holds the calm one alone.
    np.testing.assert_allclose(minimum_variance(np.array([[0.04, 0.018], [0.018, 0.01]])), [0.0, 1.0])


@st.composite
def covariances(draw):
    symbols, seed = draw(st.integers(1, 8)), draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    returns = random.normal(0, 0.01, (40, symbols)) * random.uniform(0.2, 5.0, symbols)
    returns += random.normal(0, 0.02, (40, 1)) * draw(st.sampled_from([0.0, 1.0]))
    return ledoit_wolf(returns)


@given(covariances(), st.sampled_from(ALL), st.floats(1.0, 3.0))
@settings(max_examples=80, deadline=None)
def test_weights_are_a_division_of_the_money_within_the_cap(covariance, method, room):
    cap = min(room / len(covariance), 1.0)
    weights = allocate(method, covariance, cap)
    assert weights.sum() == pytest.approx(1.0, abs=1e-9)
    assert weights.min() >= 0.0
    assert weights.max() <= cap * (1 + 1e-9)


@given(covariances(), st.floats(1.0, 3.0), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_no_other_weights_have_less_variance_than_minimum_variance(covariance, room, seed):
    cap = min(room / len(covariance), 1.0)
    best = allocate("minimum_variance", covariance, cap)
    for other in np.random.default_rng(seed).dirichlet(np.ones(len(covariance)), 20):
        allowed = capped(other, cap)
        assert best @ covariance @ best <= allowed @ covariance @ allowed * (1 + 1e-9)


@pytest.mark.parametrize(("rows", "symbols"), [(30, 3), (20, 25), (500, 10)])
def test_the_shrunk_covariance_is_that_of_scikit_learn(rows, symbols):
    returns = np.random.default_rng(rows).normal(0, 0.01, (rows, symbols)) * np.linspace(0.5, 3, symbols)
    np.testing.assert_allclose(ledoit_wolf(returns), LedoitWolf().fit(returns).covariance_, rtol=1e-10, atol=1e-16)


def test_a_cap_that_cannot_hold_the_money_is_refused_with_the_least_one():
    with pytest.raises(NightdeskError, match=r"A cap of 0.2 for each of 3 symbols leaves 0.4") as error:
        allocate("hrp", np.eye(3), 0.2)
    assert "0.3333" in error.value.cure


@pytest.mark.parametrize("method", ["inverse_volatility", "minimum_variance", "hrp"])
def test_a_price_that_stands_still_is_not_held_unless_all_do_or_the_cap_needs_it(method):
    still = np.diag([0.01, 0.0, 0.02])
    assert allocate(method, still)[1] == 0.0
    np.testing.assert_allclose(allocate(method, np.zeros((3, 3))), 1 / 3)
    np.testing.assert_allclose(allocate(method, still, 0.4), 1 / 3)


def test_symbols_that_are_copies_of_one_another_have_a_division():
    covariance = np.full((4, 4), 0.01)
    for method in ALL:
        assert allocate(method, covariance).sum() == pytest.approx(1.0)
