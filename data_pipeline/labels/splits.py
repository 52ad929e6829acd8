"""Rows to learn from and rows to measure on, in time order and never shuffled.

A label made of later bars must not sit in training while those bars are tested: it is purged. Bars just after a test
span still echo it: they are under embargo. M. Lopez de Prado, Advances in Financial Machine Learning (2018), chapter 7.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from config.errors import UsageError

Rows = npt.NDArray[np.int64]
Instants = npt.NDArray[Any] | pd.Index | pd.Series  # bar numbers, or times


class Split(NamedTuple):
    """Row numbers, each in time order."""

    train: Rows
    test: Rows


def holdout(rows: int, test_size: float, purge: int) -> Split:
    """The rows to train on and the last `test_size` of them to measure on, with `purge` rows between left out."""
    tested = max(1, round(rows * test_size)) if 0.0 < test_size < 1.0 else rows
    if purge < 0 or rows - tested <= purge:
        raise UsageError(
            "splits.holdout",
            f"{rows} rows do not hold a test of {test_size} of them, {purge} to leave out, and some to train on.",
            "Choose a share between 0 and 1, and leave rows before it.",
        )
    return Split(np.arange(rows - tested - purge), np.arange(rows - tested, rows))


def walk_forward(
    rows: int, *, train: int, test: int, step: int | None = None, purge: int = 0, anchored: bool = False
) -> Iterator[Split]:
    """Test spans of `test` rows one after another up to the last row, each after what it is trained on.

    Rolling, that is the `train` rows before it; anchored, all rows before it, at least `train`. `purge` rows between
    the two are left out. A test begins `step` rows after the one before, `test` if None. The last may be shorter.
    """
    stride = test if step is None else step
    if stride < test:
        raise UsageError(
            "splits.step",
            f"A step of {stride} rows is shorter than a test of {test}: tests would overlap.",
            "Choose a step of at least the length of a test.",
        )
    if min(train, test) < 1 or purge < 0 or train + purge >= rows:
        raise UsageError(
            "splits.walk",
            f"{rows} rows do not hold {train} to train on, {purge} to leave out and {test} to test.",
            "Choose at least one row for each, and leave room for a test.",
        )
    for begin in range(train + purge, rows, stride):
        end = begin - purge
        yield Split(np.arange(0 if anchored else end - train, end), np.arange(begin, min(begin + test, rows)))


def purged_folds(starts: Instants, ends: Instants, count: int, *, embargo: float = 0.0) -> Iterator[Split]:
    """`count` test spans one after another; each with the training rows whose labels do not overlap it.

    Row i's label was made of what happened from `starts[i]` to `ends[i]`. A row is left out of
    training where that meets the test span, from its first start to its last end; so are the int(rows * embargo) rows
    that start after it.
    """
    starts, ends = pd.Index(starts), pd.Index(ends)
    rows = len(starts)
    if not 2 <= count <= rows:
        raise UsageError(
            "splits.folds", f"{rows} rows cannot be cut into {count} folds.", f"Choose from 2 to {rows} folds."
        )
    if len(ends) != rows or not ((starts[1:] >= starts[:-1]).all() and (ends >= starts).all()):
        raise UsageError(
            "splits.spans", "The labels' spans are not in time order.", "Sort them by start; none may end before it."
        )
    if not 0.0 <= embargo < 1.0:
        raise UsageError(
            "splits.embargo", f"There is no embargo of {embargo} of the rows.", "Choose from 0 to below 1."
        )
    every = np.arange(rows)
    for test in np.array_split(every, count):
        begin, end = starts[test[0]], ends[test].max()
        free = (ends < begin) | (starts > end)
        after = int(np.searchsorted(starts, end, side="right"))
        free[after : after + int(rows * embargo)] = False
        yield Split(every[free], test)
