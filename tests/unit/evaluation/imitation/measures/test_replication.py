"""Distributions of the trades of a trader and its copy, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.imitation.measures.replication import replication

ELAPSED, PRICE = np.array([0.05, 0.35, 0.55, 0.95]), np.array([0.25, 0.45, 0.65, 0.85])


def test_a_copy_that_decides_the_same_has_the_full_score() -> None:
    codes = np.array([0, 1, 2, 3])
    result = replication(codes, codes, ELAPSED, PRICE)
    assert (result.score, result.reason) == (100.0, None)


def test_distances_are_of_the_shares_of_trades() -> None:
    actual, copied = np.array([1, 1, 2, 2]), np.array([1, 2, 2, 4])
    result = replication(actual, copied, ELAPSED, PRICE)
    assert result.timing.distance == pytest.approx(1.0)  # half of the trades are at the start, the others apart
    assert result.size.distance == pytest.approx(0.5)  # a moderate one in the place of a strong one
    assert result.outcome.distance == pytest.approx(1.0)  # all Up against half Up
    assert result.price.actual[2] == result.price.actual[4] == 0.5  # Up at 0.25 and at 0.45
    assert result.price.copied[1] == result.price.copied[2] == 0.5  # and Down at 0.15
    assert result.price.distance == pytest.approx(1.0)
    assert result.score == pytest.approx(100.0 * (1.0 - (1.0 + 0.5 + 1.0 + 1.0) / 4 / 2))


def test_a_copy_that_never_trades_has_no_score_and_a_reason() -> None:
    result = replication(np.array([1, 1, 2, 2]), np.full(4, 2), ELAPSED, PRICE)
    assert (result.score, result.reason, result.timing.distance) == (None, "no_trades", None)
    assert result.size.distance == pytest.approx(1.0)
