from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.records.standing import RUN, Evidence, Standing, draws_for, holm, settle

ONES = (1.0,) * RUN
ZEROS = (0.0,) * RUN


def settled(skill: tuple[float, ...], worse: tuple[float, ...], previous: Standing = "unproven") -> Standing:
    return settle({"a": Evidence(skill, worse)}, {"a": previous}, tried=1, confidence=0.95)["a"]


# Holm (1979) by hand: the smallest of four must be at most .05 / 4 = .0125, the next .05 / 3 = .0167, then .025, .05.
@pytest.mark.parametrize(
    ("p_values", "tried", "passed"),
    [
        ({"a": 0.0125, "b": 0.0126}, 2, "ab"),  # .025, .05
        ({"a": 0.012, "b": 0.016, "c": 0.024, "d": 0.049}, 4, "abcd"),
        ({"a": 0.012, "b": 0.017, "c": 0.018, "d": 0.019}, 4, "a"),  # b fails, and so all after it
        ({"a": 0.013, "b": 0.013, "c": 0.013, "d": 0.013}, 4, ""),
        ({"a": 0.012, "b": 0.016, "c": 0.026, "d": 0.027}, 4, "ab"),
        ({"a": 0.02}, 1, "a"),
        ({"a": 0.02}, 4, ""),  # three more were tried, and are not looked at any more
        ({"a": 0.0012, "b": 0.00128, "c": 0.0014}, 40, "ab"),  # .00125, .001282, .001316
        ({"a": 0.02, "b": 0.04}, 0, "ab"),  # never fewer than there are
    ],
)
def test_holm_passes_what_the_hand_passes(p_values: dict[str, float], tried: int, passed: str) -> None:
    assert holm(p_values, tried, 0.05) == set(passed)


@given(
    st.dictionaries(st.integers(0, 30), st.floats(0.0, 1.0), max_size=12),
    st.integers(0, 60),
    st.integers(0, 60),
)
def test_more_tries_never_pass_more(p_values: dict[int, float], tried: int, more: int) -> None:
    assert holm(p_values, tried + more, 0.05) <= holm(p_values, tried, 0.05)


@given(st.dictionaries(st.integers(0, 30), st.floats(0.0, 0.1), min_size=1, max_size=12), st.data())
def test_a_larger_p_value_never_lets_another_pass(p_values: dict[int, float], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(p_values)))
    raised = p_values | {key: data.draw(st.floats(p_values[key], 1.0))}
    assert holm(raised, len(p_values), 0.05) <= holm(p_values, len(p_values), 0.05)


def test_a_recipe_is_proven_by_a_whole_run_and_nothing_less() -> None:
    assert settled((0.04,) * RUN, ONES) == "proven"
    for bar in range(RUN):
        skill = [0.04] * RUN
        skill[bar] = 0.06
        assert settled(tuple(skill), ONES) == "unproven"


def test_a_recipe_is_refuted_by_a_whole_run_and_nothing_less() -> None:
    assert settled(ONES, (0.04,) * RUN) == "refuted"
    assert settled(ONES, (0.04,) * (RUN - 1) + (0.06,)) == "unproven"


@pytest.mark.parametrize("passing", range(RUN))
def test_proven_is_left_only_after_a_whole_run_of_failures(passing: int) -> None:
    one = tuple(0.0 if bar == passing else 1.0 for bar in range(RUN))
    assert settled(one, ONES, "proven") == "proven"
    assert settled(ONES, ONES, "proven") == "unproven"
    assert settled(one, ONES, "refuted") == "unproven"


@pytest.mark.parametrize("failing", range(RUN))
def test_refuted_is_left_only_after_a_whole_run_without_it(failing: int) -> None:
    one = tuple(0.0 if bar == failing else 1.0 for bar in range(RUN))
    assert settled(ONES, one, "refuted") == "refuted"
    assert settled(ONES, ONES, "refuted") == "unproven"
    assert settled(ONES, one, "proven") == "unproven"


def test_a_proven_recipe_that_becomes_surely_worse_is_refuted_at_once() -> None:
    assert settled(ONES, ZEROS, "proven") == "refuted"
    assert settled(ZEROS, ONES, "refuted") == "proven"


def test_recipes_that_nobody_has_settled_yet_begin_as_unproven() -> None:
    one = (1.0,) * (RUN - 1) + (0.0,)
    assert settle({"new": Evidence(one, ONES)}, {}, tried=1, confidence=0.95) == {"new": "unproven"}


def test_each_bar_of_the_run_is_adjusted_by_all_recipes_of_that_bar() -> None:
    """b passes beside a, which passes too; where a fails for a single bar, b at .04 fails with it."""
    both = {"a": Evidence((0.001,) * RUN, ONES), "b": Evidence((0.04,) * RUN, ONES)}
    assert settle(both, {}, tried=2, confidence=0.95) == {"a": "proven", "b": "proven"}
    broken = both | {"a": Evidence((0.001,) * (RUN - 1) + (0.5,), ONES)}
    assert settle(broken, {}, tried=2, confidence=0.95) == {"a": "unproven", "b": "unproven"}
    assert settle(both, {}, tried=3, confidence=0.95) == {"a": "proven", "b": "unproven"}


def test_there_are_enough_random_traders_for_the_smallest_p_value_that_counts() -> None:
    assert draws_for(8, 0.95) == 1600
    assert draws_for(28, 0.95) == 5600
    assert draws_for(0, 0.95) == 200
    for tried in (1, 8, 28, 400):
        smallest = 1.0 / (1.0 + draws_for(tried, 0.95))
        assert smallest <= 0.05 / tried / 10.0
