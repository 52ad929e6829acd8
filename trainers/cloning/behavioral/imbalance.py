"""Class imbalance: an expert mostly holds, so rare actions get sample weights or synthetic rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sklearn.neighbors import NearestNeighbors

from trainers.cloning.behavioral.columns import Floats, Labels

NEIGHBOURS = 5


def sample_weights(y: Labels, class_weight: str | Mapping[int, float] | None) -> Floats:
    """A weight for each row: `balanced` is n / (classes * n_class), as in scikit-learn; a mapping weighs by hand."""
    if class_weight is None:
        return np.ones(len(y))
    if isinstance(class_weight, Mapping):
        return np.array([class_weight.get(int(label), 1.0) for label in y], dtype=np.float64)
    labels, place, counts = np.unique(y, return_inverse=True, return_counts=True)
    weights: Floats = len(y) / (len(labels) * counts[place])
    return weights


def oversampled(X: Floats, y: Labels, share: float, random: np.random.Generator) -> tuple[Floats, Labels]:
    """The rows, and after them synthetic ones that fill each rare class up to `share` of the largest.

    SMOTE (Chawla et al. 2002): a synthetic row lies at a random place between a row of the class and one of its five
    nearest neighbours in that class. Distances are taken in units of each feature's standard deviation.
    """
    labels, counts = np.unique(y, return_counts=True)
    smallest = int(share * counts.max())
    new_X, new_y = [X], [y]
    for label, count in zip(labels.tolist(), counts.tolist(), strict=True):
        if count < smallest:
            new_X.append(_between_neighbours(X[y == label], _scale(X), smallest - count, random))
            new_y.append(np.full(smallest - count, label, dtype=y.dtype))
    return np.concatenate(new_X), np.concatenate(new_y)


def _scale(X: Floats) -> Floats:
    deviation = X.std(axis=0)
    return np.where(deviation > 0.0, deviation, 1.0)


def _between_neighbours(rows: Floats, scale: Floats, count: int, random: np.random.Generator) -> Floats:
    # A row is its own nearest neighbour, so the first column is left out; a class of one row has no other.
    neighbours = min(NEIGHBOURS + 1, len(rows))
    near = NearestNeighbors(n_neighbors=neighbours).fit(rows / scale).kneighbors(rows / scale, return_distance=False)
    near = near[:, 1:] if neighbours > 1 else near
    start = random.integers(len(rows), size=count)
    end = near[start, random.integers(near.shape[1], size=count)]
    step = random.random((count, 1))
    between: Floats = rows[start] + step * (rows[end] - rows[start])
    return between
