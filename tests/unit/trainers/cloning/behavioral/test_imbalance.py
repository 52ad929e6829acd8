from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from trainers.cloning.behavioral.imbalance import oversampled, sample_weights

Y = np.array([0] * 12 + [1] * 3 + [-1])


def rows(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(len(Y), 2)) * [1.0, 1000.0] + Y[:, None] * 50.0


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    assert np.array_equal(sample_weights(Y, "balanced"), compute_sample_weight("balanced", Y))


def test_weights_by_hand_leave_the_actions_they_do_not_name_at_one() -> None:
    assert sample_weights(Y, {1: 4.0}).tolist() == [1.0] * 12 + [4.0] * 3 + [1.0]
    assert sample_weights(Y, None).tolist() == [1.0] * 16


def test_rare_classes_are_filled_to_their_share_of_the_largest_and_nothing_is_lost() -> None:
    X = rows()
    new_X, new_y = oversampled(X, Y, 0.5, np.random.default_rng(1))
    assert np.array_equal(new_X[:16], X)
    assert np.array_equal(new_y[:16], Y)
    assert [int(np.sum(new_y == label)) for label in (-1, 0, 1)] == [6, 12, 6]


def test_synthetic_rows_lie_between_rows_of_their_class() -> None:
    X = rows()
    new_X, new_y = oversampled(X, Y, 1.0, np.random.default_rng(1))
    buys, synthetic = X[Y == 1], new_X[16:][new_y[16:] == 1]
    assert len(synthetic) == 9
    assert (synthetic >= buys.min(axis=0)).all()
    assert (synthetic <= buys.max(axis=0)).all()
    assert not any((row == buys).all(axis=1).any() for row in synthetic)


def test_a_class_of_one_row_is_repeated() -> None:
    X = rows()
    new_X, new_y = oversampled(X, Y, 0.25, np.random.default_rng(1))
    assert np.array_equal(new_X[16:][new_y[16:] == -1], np.repeat(X[Y == -1], 2, axis=0))


def test_a_large_class_is_never_compared_with_itself_as_a_whole() -> None:
    y = np.array([0] * 40_000 + [1] * 20_000)
    X = np.random.default_rng(0).normal(size=(60_000, 3))
    _, new_y = oversampled(X, y, 0.6, np.random.default_rng(1))
    assert int(np.sum(new_y == 1)) == 24_000


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_seed_makes_the_same_rows(seed: int) -> None:
    first, _ = oversampled(rows(), Y, 1.0, np.random.default_rng(seed))
    second, _ = oversampled(rows(), Y, 1.0, np.random.default_rng(seed))
    other, _ = oversampled(rows(), Y, 1.0, np.random.default_rng(seed + 10))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)
