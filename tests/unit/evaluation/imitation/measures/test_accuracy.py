"""Accuracy of a copy, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.imitation.measures import accuracy

#                 strong buy, buy, buy, hold, hold, hold, sell, strong sell
ACTUAL = np.array([0, 1, 1, 2, 2, 2, 3, 4])
COPIED = np.array([1, 1, 3, 2, 2, 1, 2, 4])
COUNTS = accuracy.confusion(ACTUAL, COPIED)


def test_decisions_are_counted_with_those_of_the_trader_in_rows() -> None:
    assert COUNTS.sum() == 8
    assert COUNTS[1].tolist() == [0, 1, 0, 1, 0]
    assert COUNTS[:, 1].tolist() == [1, 1, 1, 0, 0]


def test_accuracy_is_the_share_on_the_diagonal() -> None:
    assert accuracy.accuracy(COUNTS) == pytest.approx(4 / 8)
    assert np.isnan(accuracy.accuracy(np.zeros((5, 5))))


def test_balanced_accuracy_is_the_mean_recall_of_the_classes_that_occur() -> None:
    assert accuracy.balanced_accuracy(COUNTS) == pytest.approx((0 + 1 / 2 + 2 / 3 + 0 + 1) / 5)
    two = accuracy.confusion(np.array([2, 2, 1]), np.array([2, 1, 1]))
    assert accuracy.balanced_accuracy(two) == pytest.approx((1 / 2 + 1) / 2)


def test_many_tables_are_measured_at_once() -> None:
    both = accuracy.accuracy(np.stack([COUNTS, np.eye(5)]))
    assert both.tolist() == pytest.approx([0.5, 1.0])


def test_each_class_has_its_recall_and_precision_or_none() -> None:
    strong_buy, buy, hold, sell, _ = accuracy.by_class(COUNTS)
    assert (strong_buy.recall, strong_buy.precision) == (0.0, None)
    assert (buy.recall, buy.precision) == (pytest.approx(50.0), pytest.approx(100 / 3))
    assert (hold.actual, hold.copied) == (3, 3)
    assert (sell.recall, sell.precision) == (0.0, 0.0)
    assert accuracy.by_class(np.zeros((5, 5), dtype=np.int64))[0].recall is None


def test_direction_counts_only_bars_on_which_both_trade() -> None:
    # strong buy as buy, buy as buy, buy as sell, strong sell as strong sell
    assert accuracy.direction(COUNTS) == pytest.approx(3 / 4)
    assert np.isnan(accuracy.direction(accuracy.confusion(np.array([2]), np.array([1]))))
