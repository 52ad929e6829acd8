from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import UsageError
from data_pipeline import actions
from data_pipeline.actions import BRANCHES, CHOICES, DIRECTED, GRADED, PRICED, SIGNED, Coding, convert

CODINGS = (SIGNED, CHOICES, GRADED, DIRECTED, PRICED)
every_coding = pytest.mark.parametrize("coding", CODINGS, ids=lambda coding: coding.name)
STRENGTHS = st.floats(-1.0, 1.0) | st.sampled_from([-1.0, -0.5, 0.0, 0.2, 0.6, 1.0])


def actions_of(coding: Coding) -> st.SearchStrategy[list[int]]:
    return st.lists(st.sampled_from(list(coding.strengths)), max_size=20)


def test_the_codings_are_those_of_the_models() -> None:
    """Hand-written: what each number means to the model type that uses it."""
    assert SIGNED.strength([-1, 0, 1]).tolist() == [-1.0, 0.0, 1.0]
    assert CHOICES.strength([0, 1, 2]).tolist() == [0.0, 1.0, -1.0]
    assert GRADED.strength([0, 1, 2, 3, 4]).tolist() == [1.0, 0.5, 0.0, -0.5, -1.0]
    assert DIRECTED.strength(range(15)).tolist() == [0.0] * 5 + [0.2, 0.4, 0.6, 0.8, 1.0] + [
        -0.2,
        -0.4,
        -0.6,
        -0.8,
        -1.0,
    ]
    assert PRICED.strength(range(15)).tolist() == [-1.0, -0.5, 0.0, 0.5, 1.0] * 3


@pytest.mark.parametrize(
    ("source", "codes", "target", "expected"),
    [
        (SIGNED, [-1, 0, 1], CHOICES, [2, 0, 1]),
        (CHOICES, [0, 1, 2], SIGNED, [0, 1, -1]),
        (GRADED, [0, 1, 2, 3, 4], SIGNED, [1, 1, 0, -1, -1]),
        (GRADED, [0, 1, 2, 3, 4], CHOICES, [1, 1, 0, 2, 2]),
        (SIGNED, [-1, 0, 1], GRADED, [4, 2, 0]),  # a plain buy is a whole one
        (GRADED, [0, 1, 2, 3, 4], DIRECTED, [9, 7, 0, 12, 14]),  # half is not more than three fifths
        (DIRECTED, [5, 7, 0, 4, 14], GRADED, [1, 0, 2, 2, 4]),
        (GRADED, [0, 1, 2, 3, 4], PRICED, [9, 8, 7, 6, 5]),  # at the quote
        (PRICED, [0, 14, 12], SIGNED, [-1, 1, 0]),
    ],
)
def test_conversions_worked_by_hand(source: Coding, codes: list[int], target: Coding, expected: list[int]) -> None:
    assert convert(codes, source, target).tolist() == expected


@every_coding
def test_what_a_coding_makes_of_its_own_actions_is_as_strong_as_they_are(coding: Coding) -> None:
    codes = list(coding.strengths)
    strengths = coding.strength(codes)
    np.testing.assert_array_equal(coding.strength(coding.code(strengths)), strengths)
    twins = len(codes) - len(set(strengths.tolist()))
    assert (coding.code(strengths) != codes).sum() == twins  # only equally strong actions become one


@every_coding
@given(strengths=st.lists(STRENGTHS, max_size=20))
def test_an_action_is_never_weaker_than_it_was_meant_nor_on_another_side(
    coding: Coding, strengths: list[float]
) -> None:
    coded = coding.strength(coding.code(strengths))
    np.testing.assert_array_equal(np.sign(coded), np.sign(strengths))
    assert (np.abs(coded) >= np.abs(strengths)).all()
    levels = np.array(sorted(set(coding.strengths.values())))
    for got, meant in zip(coded, strengths, strict=True):
        between = levels[(np.sign(levels) == np.sign(meant)) & (np.abs(levels) >= abs(meant))]
        assert abs(got) == np.abs(between).min()


@pytest.mark.parametrize(("narrow", "wide"), [(narrow, wide) for narrow in CODINGS for wide in CODINGS])
@given(data=st.data())
def test_there_and_back_a_side_stays_a_side(narrow: Coding, wide: Coding, data: st.DataObject) -> None:
    codes = data.draw(actions_of(narrow))
    back = convert(convert(codes, narrow, wide), wide, narrow)
    np.testing.assert_array_equal(np.sign(narrow.strength(back)), np.sign(narrow.strength(codes)))
    if narrow in (SIGNED, CHOICES):
        assert back.tolist() == codes


@given(data=st.data())
def test_branches_become_one_code_and_come_apart_again(data: st.DataObject) -> None:
    pairs = data.draw(st.lists(st.tuples(*(st.integers(0, count - 1) for count in BRANCHES)), min_size=1, max_size=20))
    first, second = (np.array(choices) for choices in zip(*pairs, strict=True))
    codes = actions.joint(first, second)
    np.testing.assert_array_equal(codes, 5 * first + second)
    np.testing.assert_array_equal(actions.apart(codes), [first, second])


def test_a_direction_gives_the_side_and_a_size_how_much() -> None:
    for direction, side in ((0, 0.0), (1, 1.0), (2, -1.0)):
        for size in range(5):
            assert DIRECTED.strength(actions.joint(direction, size)) == side * (size + 1) / 5


def test_the_strength_of_a_priced_action_does_not_depend_on_its_price() -> None:
    for price in range(3):
        np.testing.assert_array_equal(PRICED.strength(actions.joint(price, np.arange(5))), actions.QUANTITIES)


@every_coding
@pytest.mark.parametrize("nonsense", [[99], [-7], [0.5], [np.nan], ["1"], [None], [True], [1, 99]])
def test_an_unknown_code_is_refused_with_the_list_of_codes(coding: Coding, nonsense: list) -> None:
    with pytest.raises(UsageError, match="is no action in the coding") as caught:
        coding.strength(nonsense)
    assert caught.value.code == "actions.unknown"
    assert str(list(coding.strengths)[-1]) in caught.value.cure


@every_coding
@pytest.mark.parametrize("strength", [1.0000001, -2.0, np.nan, np.inf])
def test_a_strength_beyond_all_or_unknown_is_refused(coding: Coding, strength: float) -> None:
    with pytest.raises(UsageError, match="no strength") as caught:
        coding.code([0.0, strength])
    assert caught.value.code == "actions.strength"


@pytest.mark.parametrize(("first", "second"), [(3, 0), (-1, 0), (0, 5), (0, -1), (0.5, 0)])
def test_a_choice_that_a_branch_has_not_is_named(first: float, second: float) -> None:
    with pytest.raises(UsageError, match="no choice of a branch") as caught:
        actions.joint(first, second)
    assert caught.value.code == "actions.unknown"
    with pytest.raises(UsageError, match="is no action"):
        actions.apart([15])


def test_shapes_stay_and_nothing_becomes_nothing() -> None:
    assert convert(np.zeros((2, 3), int), SIGNED, GRADED).tolist() == [[2, 2, 2], [2, 2, 2]]
    assert convert([], SIGNED, CHOICES).tolist() == []
    assert SIGNED.code(0.3) == 1


def test_five_classes_go_from_strong_buy_to_strong_sell():
    assert actions.GRADES == ("strong_buy", "buy", "hold", "sell", "strong_sell")
    net = np.array([9.0, 5.0, 4.9, 0.1, 0.0, -0.1, -4.9, -5.0, -9.0])
    assert actions.graded(net, 5.0).tolist() == [0, 0, 1, 1, 2, 3, 3, 4, 4]


def test_without_a_trade_it_is_hold_whatever_counts_as_strong():
    assert actions.graded(np.zeros(3), 0.0).tolist() == [2, 2, 2]
    assert actions.graded(np.empty(0), 1.0).tolist() == []


@given(st.lists(st.floats(-1e9, 1e9), max_size=20), st.floats(0.0, 1e9))
def test_a_grade_has_the_side_of_its_net_amount(net: list[float], strong: float) -> None:
    side = GRADED.strength(actions.graded(np.array(net), strong))
    np.testing.assert_array_equal(np.sign(side), np.sign(net))


def test_words_and_synonyms_of_the_three():
    assert [actions.word(n) for n in (-1, 0, 1)] == ["sell", "hold", "buy"]
    assert [actions.number(text) for text in ("Enter-Long", "EXIT", "", "maybe")] == [1, -1, 0, None]


@given(st.sampled_from([-1, 0, 1]))
def test_a_word_is_the_number_it_came_from(action: int) -> None:
    assert actions.number(actions.word(action)) == action
