"""Accuracy of a copy: how often it decides what its trader decided, as pure functions of counts of classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.imitation.decisions import CLASSES, HOLD, SIDES, Codes
from evaluation.metrics.formulas import Array

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class ClassAccuracy:
    """One class of decisions: how often the trader and the copy decide so, recall and precision in percent.

    Recall is undefined where the trader never decides so, precision where the copy never does.
    """

    name: str
    actual: int
    copied: int
    recall: float | None
    precision: float | None


def confusion(actual: Codes, copied: Codes) -> Counts:
    """How often each class of the trader, in rows, meets each class of the copy, in columns."""
    size = len(CLASSES)
    return np.bincount(actual * size + copied, minlength=size * size).reshape(size, size)


def accuracy(counts: Counts | Array) -> Array:
    """The share on the diagonal, of one table of counts or of many; NaN where there are none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        share: Array = np.trace(counts, axis1=-2, axis2=-1) / counts.sum(axis=(-2, -1))
    return share


def balanced_accuracy(counts: Counts | Array) -> Array:
    """The mean recall of the classes that occur, of one table of counts or of many; NaN where none does."""
    totals = counts.sum(axis=-1)
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    occurs = totals > 0
    recalls = np.where(occurs, right / np.where(occurs, totals, 1), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Array = recalls.sum(axis=-1) / occurs.sum(axis=-1)
    return mean


def by_class(counts: Counts) -> tuple[ClassAccuracy, ...]:
    """Recall and precision of each class."""
    actual, copied, right = counts.sum(axis=1), counts.sum(axis=0), np.diagonal(counts)
    return tuple(
        ClassAccuracy(
            name=name,
            actual=int(actual[code]),
            copied=int(copied[code]),
            recall=100.0 * float(right[code] / actual[code]) if actual[code] else None,
            precision=100.0 * float(right[code] / copied[code]) if copied[code] else None,
        )
        for code, name in enumerate(CLASSES)
    )


def direction(counts: Counts | Array) -> Array:
    """Of the bars on which both trade, the share on which they trade the same outcome; NaN where there is none."""
    trades = [code for code in range(len(CLASSES)) if code != HOLD]
    both = counts[..., trades, :][..., :, trades]
    same = SIDES[trades][:, None] == SIDES[trades][None, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        share: Array = (both * same).sum(axis=(-2, -1)) / both.sum(axis=(-2, -1))
    return share
