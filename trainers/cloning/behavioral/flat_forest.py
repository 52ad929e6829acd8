"""A random forest as arrays of nodes: checked on load, and evaluated by a compiled kernel.

The probabilities equal scikit-learn's to the last bit: features are rounded to float32, thresholds are compared in
float64, and the trees' leaf values are added in their order and divided by the number of trees at the end. Unlike
scikit-learn, a feature that is not finite is refused, so that no trade depends on a missing indicator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from config.errors import NightdeskError
from data_pipeline.actions import ACTIONS
from trainers.cloning.behavioral.columns import FeatureColumns, Floats, Matrix
from trainers.safe_files import Tensors, corrupt

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

Ints = NDArray[np.int32]
LEAF = -1
BLOCK = 64  # rows that one tree decides after another
_CLASSES = tuple(ACTIONS)
_ARRAYS = {
    "roots": "int32",
    "feature": "int32",
    "threshold": "float64",
    "left": "int32",
    "right": "int32",
    "value": "float64",
}


@njit(cache=True, nogil=True)
def _mean_of_trees(  # noqa: PLR0917 -- a compiled function takes its arrays by place
    rows: Floats,
    roots: Ints,
    feature: Ints,
    threshold: Floats,
    left: Ints,
    right: Ints,
    value: Floats,
    out: Floats,
) -> int:
    """Fill `out` (rows, classes) with the mean leaf value; return the place of a value that is not finite, or -1.

    A tree decides a block of rows while its nodes are in the processor's cache; each row still adds up its trees in
    their order.
    """
    n_rows: int = rows.shape[0]
    n_features: int = rows.shape[1]
    block = np.empty((min(BLOCK, n_rows), n_features), np.float32)
    for first in range(0, n_rows, BLOCK):
        size = min(BLOCK, n_rows - first)
        for i in range(size):
            for j in range(n_features):
                block[i, j] = np.float32(rows[first + i, j])
                if not np.isfinite(block[i, j]):
                    return (first + i) * n_features + j
        for tree in range(roots.shape[0]):
            for i in range(size):
                node = roots[tree]
                while left[node] != LEAF:
                    node = left[node] if np.float64(block[i, feature[node]]) <= threshold[node] else right[node]
                for k in range(out.shape[1]):
                    out[first + i, k] += value[node, k]
        for i in range(first, first + size):
            for k in range(out.shape[1]):
                out[i, k] /= roots.shape[0]
    return -1


@dataclass(frozen=True, eq=False)
class FlatForest:
    """The nodes of all trees in one row of arrays; a tree begins at its root, a leaf has no children.

    `value` holds, for each node, the share of sell, hold and buy; a class that was absent in training has share 0.
    """

    columns: FeatureColumns
    roots: Ints
    feature: Ints
    threshold: Floats
    left: Ints
    right: Ints
    value: Floats

    @classmethod
    def from_sklearn(cls, forest: RandomForestClassifier, columns: FeatureColumns) -> FlatForest:
        """The same forest, from a fitted classifier whose classes are among -1, 0, 1."""
        if forest.n_features_in_ != len(columns.names):
            raise NightdeskError(
                "training.columns",
                f"The forest was fitted on {forest.n_features_in_} features and is given {len(columns.names)} names.",
                "Name each feature, in the order in which the forest was fitted.",
            )
        trees = [estimator.tree_ for estimator in forest.estimators_]
        roots = np.cumsum([0, *(tree.node_count for tree in trees)])[:-1]
        value = np.zeros((sum(tree.node_count for tree in trees), len(_CLASSES)))
        value[:, _places(forest.classes_)] = np.concatenate([tree.value[:, 0, :] for tree in trees])
        inner = np.concatenate([tree.children_left >= 0 for tree in trees])
        return cls.from_tensors(
            {
                "roots": roots.astype(np.int32),
                "feature": np.where(inner, np.concatenate([tree.feature for tree in trees]), LEAF).astype(np.int32),
                "threshold": np.where(inner, np.concatenate([tree.threshold for tree in trees]), 0.0),
                "left": _shifted([tree.children_left for tree in trees], roots),
                "right": _shifted([tree.children_right for tree in trees], roots),
                "value": value,
            },
            columns,
        )

    @classmethod
    def from_tensors(cls, tensors: Tensors, columns: FeatureColumns) -> FlatForest:
        """A forest from untrusted arrays, which are checked here, since the kernel does not."""
        if set(tensors) != _ARRAYS.keys():
            raise corrupt("The forest", f"its arrays are {sorted(tensors)} instead of {sorted(_ARRAYS)}")
        forest = cls(columns, **{name: _own(array) for name, array in tensors.items()})
        forest._check()
        return forest

    def tensors(self) -> Tensors:
        """The node arrays by name, to be saved."""
        return {name: getattr(self, name) for name in _ARRAYS}

    def predict_proba(self, X: Matrix) -> Floats:
        """The probabilities of sell, hold and buy for each row of `X` (rows, features)."""
        matrix = self.columns.matrix(X)
        out = np.zeros((len(matrix), len(_CLASSES)))
        bad = _mean_of_trees(matrix, self.roots, self.feature, self.threshold, self.left, self.right, self.value, out)
        if bad >= 0:
            self.columns.refuse_undefined(matrix)
        return out

    def _check(self) -> None:
        """Raise unless every path from a root stays inside its tree and ends in a leaf with probabilities."""
        nodes = len(self.feature)
        for name, array in self.tensors().items():
            shape = {"roots": (len(self.roots),), "value": (nodes, len(_CLASSES))}.get(name, (nodes,))
            if array.dtype != _ARRAYS[name] or array.shape != shape:
                raise corrupt("The forest", f"{name} is {array.dtype} {array.shape}")
        if not 0 < len(self.roots) <= nodes or self.roots[0] != 0 or (np.diff(self.roots) <= 0).any():
            raise corrupt("The forest", "the trees do not follow one another")
        if self.roots[-1] >= nodes:
            raise corrupt("The forest", "a tree begins beyond the last node")
        self._check_children(np.arange(nodes))
        if not np.isfinite(self.threshold).all():
            raise corrupt("The forest", "a threshold is not finite")
        if not ((self.value >= 0.0).all() and np.allclose(self.value.sum(axis=1), 1.0, rtol=0.0, atol=1e-9)):
            raise corrupt("The forest", "the shares of a node are not probabilities")

    def _check_children(self, node: NDArray[np.int64]) -> None:
        """A child comes after its parent and before the next tree, so that no path loops or leaves its tree."""
        leaf = self.left == LEAF
        ends = np.append(self.roots[1:], len(node))
        end = ends[np.searchsorted(self.roots, node, side="right") - 1]
        for child in (self.left, self.right):
            if not np.where(leaf, child == LEAF, (child > node) & (child < end)).all():
                raise corrupt("The forest", "a node's child is not a later node of the same tree")
        if not np.where(
            leaf, self.feature == LEAF, (self.feature >= 0) & (self.feature < len(self.columns.names))
        ).all():
            raise corrupt("The forest", f"a node asks for a feature that is not among the {len(self.columns.names)}")


def _places(classes: NDArray[Any]) -> list[int]:
    """The columns of sell, hold, buy in which a forest's classes belong."""
    unknown = [label for label in classes.tolist() if label not in _CLASSES]
    if unknown:
        raise NightdeskError(
            "training.labels",
            f"The forest knows the classes {classes.tolist()}; {unknown[0]!r} is no action.",
            "Label with -1 (sell), 0 (hold) and 1 (buy).",
        )
    return [_CLASSES.index(label) for label in classes.tolist()]


def _own(array: NDArray[Any]) -> NDArray[Any]:
    """A read-only copy with the memory layout that the kernel is compiled for."""
    copy = np.array(array, order="C")
    copy.setflags(write=False)
    return copy


def _shifted(children: list[NDArray[Any]], roots: NDArray[Any]) -> Ints:
    """Children counted from the first node of the forest instead of their tree's."""
    parts = [np.where(child >= 0, child + root, LEAF) for child, root in zip(children, roots, strict=True)]
    return np.concatenate(parts).astype(np.int32)
