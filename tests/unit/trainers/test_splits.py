from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import UsageError
from trainers.cloning.splits import folds, holdout


@given(rows=st.integers(20, 500), test_size=st.floats(0.01, 0.99), purge=st.integers(0, 30))
def test_the_test_span_is_the_last_and_the_training_span_ends_before_the_purge(
    rows: int, test_size: float, purge: int
) -> None:
    train, test = holdout(rows, test_size, purge)
    assert test[-1] == rows - 1
    assert len(test) == max(1, round(rows * test_size))
    assert np.array_equal(train, np.arange(max(0, test[0] - purge)))


@given(rows=st.integers(20, 500), count=st.integers(2, 20), purge=st.integers(0, 30))
def test_every_row_is_tested_once_and_no_fold_trains_beside_its_test_span(rows: int, count: int, purge: int) -> None:
    spans = list(folds(rows, count, purge))
    assert np.array_equal(np.concatenate([test for _, test in spans]), np.arange(rows))
    for train, test in spans:
        near = np.arange(max(0, test[0] - purge), min(rows, test[-1] + purge + 1))
        assert np.array_equal(np.union1d(train, near), np.arange(rows))
        assert not np.intersect1d(train, near).size


@pytest.mark.parametrize("count", [0, 1, 21])
def test_an_impossible_number_of_folds_is_refused(count: int) -> None:
    with pytest.raises(UsageError, match="Choose from 2 to 20"):
        list(folds(20, count, 0))
