"""The hidden Markov model: it is hmmlearn's, looks at no later row, and by filtering finds what was planted."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import NightdeskError
from data_pipeline.regimes.hmm import GaussianHmm, fit
from tests.support.markets.two_states import DEVIATIONS, STAY, planted

STATES, RETURNS = planted(3000)
BEGINNING = GaussianHmm(
    np.array([0.6, 0.4]),
    np.array([[0.9, 0.1], [0.2, 0.8]]),
    np.array([[0.001], [-0.001]]),
    np.array([[0.0001], [0.0004]]),
)


def peer(model: GaussianHmm, steps: int):
    """hmmlearn's model from the same beginning, without its priors."""
    from hmmlearn.hmm import GaussianHMM  # noqa: PLC0415 -- the oracle alone needs it

    other = GaussianHMM(
        model.states,
        n_iter=steps,
        tol=-np.inf,
        init_params="",
        min_covar=0.0,
        covars_prior=0.0,
        covars_weight=0.0,
    )
    other.startprob_, other.transmat_ = model.start, model.transitions
    other.means_, other.covars_ = model.means, model.variances
    return other


@pytest.mark.parametrize("columns", [1, 2])
def test_thirty_steps_of_its_fit_are_those_of_hmmlearn(columns: int) -> None:
    observations = np.column_stack([RETURNS, np.abs(RETURNS)])[:, :columns]
    beginning = GaussianHmm(
        BEGINNING.start,
        BEGINNING.transitions,
        np.column_stack([BEGINNING.means, [0.005, 0.015]])[:, :columns],
        np.column_stack([BEGINNING.variances, [0.0001, 0.0002]])[:, :columns],
    )
    ours, theirs = beginning, peer(beginning, 30)
    assert ours.log_likelihood(observations) == pytest.approx(theirs.score(observations), abs=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of a likelihood that falls by a rounding
        theirs.fit(observations)
    for _ in range(30):
        ours, _ = ours.improved(observations)
    np.testing.assert_allclose(ours.start, theirs.startprob_, atol=1e-6)
    np.testing.assert_allclose(ours.transitions, theirs.transmat_, atol=1e-6)
    np.testing.assert_allclose(ours.means, theirs.means_, atol=1e-6)
    variances = np.array([np.diag(matrix) for matrix in theirs.covars_])
    np.testing.assert_allclose(ours.variances, variances, rtol=1e-6)
    assert ours.log_likelihood(observations) == pytest.approx(theirs.score(observations), abs=1e-6)


def test_the_last_filtered_row_is_the_smoothed_one_of_hmmlearn() -> None:
    theirs = peer(BEGINNING, 0)
    for rows in (1, 2, 50, 400):
        smoothed = theirs.predict_proba(RETURNS[:rows])[-1]
        np.testing.assert_allclose(BEGINNING.filtered(RETURNS[:rows])[-1], smoothed, atol=1e-9)


def test_a_planted_market_of_two_states_is_found_by_filtering_alone() -> None:
    model = fit(RETURNS, 2)
    assert np.sqrt(model.variances.ravel()) == pytest.approx(DEVIATIONS, rel=0.1)
    assert np.diag(model.transitions) == pytest.approx(STAY, abs=0.02)
    later, returns = planted(4000, seed=1)
    assert (model.filtered(returns).argmax(axis=1) == later).mean() >= 0.9


@settings(max_examples=25)
@given(rows=st.integers(1, 300), states=st.integers(2, 4))
def test_no_row_depends_on_a_later_one_to_the_last_bit(rows: int, states: int) -> None:
    model, observations = fit(RETURNS[:1000], states), RETURNS[1000:1300]
    assert (model.filtered(observations)[:rows] == model.filtered(observations[:rows])).all()


def test_equal_returns_are_fitted_by_an_equal_model_whose_states_are_ordered_by_variance() -> None:
    first, second = fit(RETURNS, 3), fit(RETURNS.copy(), 3)
    assert (first.variances[:, 0] == np.sort(first.variances[:, 0])).all()
    for part in ("start", "transitions", "means", "variances"):
        assert (getattr(first, part) == getattr(second, part)).all()


def test_each_step_of_a_fit_is_likelier_than_the_one_before() -> None:
    model, likelihoods = BEGINNING, []
    for _ in range(20):
        model, likelihood = model.improved(RETURNS)
        likelihoods.append(likelihood)
    assert (np.diff(likelihoods) > -1e-9).all()


def test_a_missing_return_says_nothing_and_the_next_ones_are_told_as_ever() -> None:
    model, gapped = fit(RETURNS, 2), RETURNS[:500].copy()
    gapped[200:203] = np.nan
    filtered = model.filtered(gapped)
    assert np.isfinite(filtered).all()
    np.testing.assert_allclose(filtered[201], filtered[200] @ model.transitions, atol=1e-12)
    assert np.abs(filtered[300:] - model.filtered(RETURNS[:500])[300:]).max() < 1e-3
    refitted = fit(np.where(np.arange(3000)[:, None] % 7 == 0, np.nan, RETURNS), 2)
    assert np.sqrt(refitted.variances.ravel()) == pytest.approx(DEVIATIONS, rel=0.1)


def test_a_return_beyond_everything_leaves_numbers() -> None:
    filtered = fit(RETURNS, 2).filtered(np.array([[0.001], [1e200], [-50.0], [0.001]]))
    assert np.isfinite(filtered).all()
    assert filtered.sum(axis=1) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("observations", "states", "code"),
    [
        (RETURNS[:99], 2, "regimes.too_short"),
        (np.full((3000, 1), np.nan), 2, "regimes.too_short"),
        (np.empty((0, 1)), 2, "regimes.too_short"),
        (np.zeros((3000, 1)), 2, "regimes.constant"),
        (np.full((3000, 1), 0.1), 2, "regimes.constant"),
        (RETURNS, 1, "regimes.states"),
        (RETURNS, 5, "regimes.states"),
    ],
    ids=["short", "nan", "empty", "zero", "constant", "one state", "five states"],
)
def test_what_has_no_regimes_is_refused(observations: np.ndarray, states: int, code: str) -> None:
    with pytest.raises(NightdeskError) as refused:
        fit(observations, states)
    assert refused.value.code == code
    assert refused.value.cure
