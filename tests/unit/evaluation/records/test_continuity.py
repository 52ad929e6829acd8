from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from evaluation.records.continuity import Likeness, discontinuity, likeness

SIDES = st.lists(st.tuples(*[st.sampled_from([-1.0, 0.0, 1.0])] * 2), min_size=2, max_size=80)
REHEARSALS = [Likeness(0.85 + 0.01 * n, 0.6 + 0.02 * n) for n in range(8)]  # at least .85, median .67


@given(SIDES.filter(lambda pairs: len({side for pair in pairs for side in pair}) > 1))
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[float, float]]) -> None:
    one, other = np.array(pairs).T
    alike = likeness(one, other)
    assert alike.agreement == pytest.approx(np.mean(one == other))
    assert alike.kappa == pytest.approx(cohen_kappa_score(one, other))


def test_sizes_of_positions_do_not_matter() -> None:
    one, other = np.array([0.2, -0.4, 0.0, 1.0]), np.array([1.0, -0.1, 0.0, 0.3])
    assert likeness(one, other) == Likeness(1.0, 1.0)


def test_two_models_that_always_do_the_same_agree_wholly() -> None:
    assert likeness(np.ones(10), np.ones(10)) == Likeness(1.0, 1.0)


def test_two_models_that_always_do_different_things_agree_on_nothing() -> None:
    assert likeness(np.ones(10), np.zeros(10)) == Likeness(0.0, 0.0)


def test_a_model_that_changes_as_much_as_the_rehearsals_is_continuous() -> None:
    assert discontinuity(Likeness(0.85, 0.6), REHEARSALS) is None
    assert discontinuity(Likeness(0.751, 0.336), REHEARSALS) is None


def test_a_model_that_agrees_less_is_held_back_with_both_figures() -> None:
    why = discontinuity(Likeness(0.74, 0.9), REHEARSALS)
    assert why == "it agrees with its predecessor on 74% of the last bars; 8 rehearsals agreed on 85% or more"


def test_a_model_that_agrees_by_chance_alone_is_held_back_with_both_figures() -> None:
    why = discontinuity(Likeness(0.9, 0.33), REHEARSALS)
    assert why == "it agrees with its predecessor by a kappa of 0.33; the median of 8 rehearsals is 0.67"


def test_a_recipe_that_agrees_with_itself_by_chance_alone_holds_nothing_back_for_it() -> None:
    noise = [Likeness(0.4, -0.2)] * 8
    assert discontinuity(Likeness(0.4, -0.2), noise) is None
