"""Returns-to-go and decisions, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.imitation.decisions import SIDES
from evaluation.imitation.measures.returns_to_go import return_association

ACTUAL, COPIED = np.array([1, 2, 3, 2]), np.array([1, 1, 1, 1])
TO_GO = np.array([0.04, 0.02, -0.02, 0.0])


def test_the_mean_return_to_come_is_by_what_was_decided() -> None:
    result = return_association([(ACTUAL, COPIED, TO_GO)])
    by_name = {each.name: each for each in result.classes}
    assert by_name["buy"].actual == pytest.approx(4.0)
    assert by_name["hold"].actual == pytest.approx(1.0)
    assert by_name["sell"].actual == pytest.approx(-2.0)
    assert by_name["strong_buy"].actual is None
    assert by_name["buy"].copied == pytest.approx(1.0)


def test_the_correlation_is_that_of_the_side_over_all_markets() -> None:
    markets = [(ACTUAL, COPIED, TO_GO), (ACTUAL[::-1], COPIED, TO_GO * 2.0)]
    result = return_association(markets)
    sides = SIDES[np.concatenate([ACTUAL, ACTUAL[::-1]])]
    expected = np.corrcoef(sides, np.concatenate([TO_GO, TO_GO * 2.0]))[0, 1]
    assert result.actual.estimate == pytest.approx(expected)
    assert result.copied.estimate is None  # the copy always does the same


def test_without_a_settled_market_there_is_a_reason() -> None:
    result = return_association([])
    assert (result.actual.estimate, result.reason) == (None, "not_settled")
