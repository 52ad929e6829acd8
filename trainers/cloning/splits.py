"""Spans of time to train and to measure on; rows are in time order and are never shuffled."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from config.errors import UsageError

Rows = NDArray[np.int64]


def holdout(rows: int, test_size: float, purge: int) -> tuple[Rows, Rows]:
    """The rows to train on and the last `test_size` of them to measure on, with `purge` rows between left out."""
    first_test = rows - max(1, round(rows * test_size))
    return np.arange(max(0, first_test - purge)), np.arange(first_test, rows)


def folds(rows: int, count: int, purge: int) -> Iterator[tuple[Rows, Rows]]:
    """`count` test spans one after another; each is measured by all rows at least `purge` away from it."""
    if not 2 <= count <= rows:
        raise UsageError(
            "training.folds", f"{rows} rows cannot be cut into {count} folds.", f"Choose from 2 to {rows} folds."
        )
    every = np.arange(rows)
    for test in np.array_split(every, count):
        yield every[(every < test[0] - purge) | (every > test[-1] + purge)], test
