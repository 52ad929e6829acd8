"""The flat forest and scikit-learn's never differ, and no array of nodes, however broken, reaches the kernel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.ensemble import RandomForestClassifier

from config.errors import NightdeskError
from trainers.cloning.behavioral.columns import FeatureColumns
from trainers.cloning.behavioral.flat_forest import FlatForest
from trainers.safe_files import Tensors

COLUMNS = FeatureColumns(("a", "b", "c"))


def grown(
    seed: int, trees: int, depth: int | None, classes: tuple[int, ...]
) -> tuple[RandomForestClassifier, FlatForest]:
    random = np.random.default_rng(seed)
    X, y = random.normal(size=(120, 3)).round(2), random.choice(classes, 120)
    forest = RandomForestClassifier(trees, max_depth=depth, random_state=seed, class_weight="balanced").fit(X, y)
    return forest, FlatForest.from_sklearn(forest, COLUMNS)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    trees=st.integers(1, 25),
    depth=st.sampled_from([1, 3, 10, None]),
    classes=st.sampled_from([(-1, 0, 1), (0, 1), (-1, 0), (-1, 1)]),
    X=arrays(np.float64, (7, 3), elements=st.floats(-1e30, 1e30)),
)
def test_its_probabilities_are_those_of_scikit_learn_to_the_last_bit(
    seed: int, trees: int, depth: int | None, classes: tuple[int, ...], X: np.ndarray
) -> None:
    forest, flat = grown(seed, trees, depth, classes)
    columns = [(-1, 0, 1).index(label) for label in classes]
    for rows in (X, X / 1e30):
        ours = flat.predict_proba(rows)
        assert ours[:, columns].tobytes() == forest.predict_proba(rows).tobytes()
        assert not np.delete(ours, columns, axis=1).any()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_a_value_on_a_threshold_goes_where_scikit_learn_sends_it(seed: int) -> None:
    forest, flat = grown(seed, 5, 6, (-1, 0, 1))
    on_thresholds = np.resize(flat.threshold, (50, 3))
    just_above = np.nextafter(on_thresholds, np.inf)
    for rows in (on_thresholds, just_above, on_thresholds.astype(np.float32), just_above.astype(np.float32)):
        assert flat.predict_proba(rows).tobytes() == forest.predict_proba(rows).tobytes()


@settings(max_examples=200, deadline=None)
@given(data=st.data(), name=st.sampled_from(["roots", "feature", "left", "right"]))
def test_changed_nodes_are_refused_or_harmless(data: st.DataObject, name: str) -> None:
    """Whatever passes the check ends every walk in a leaf: the kernel returns, and returns probabilities."""
    _, flat = grown(1, 3, 4, (-1, 0, 1))
    tensors = {key: array.copy() for key, array in flat.tensors().items()}
    place = data.draw(st.integers(0, len(tensors[name]) - 1))
    tensors[name][place] = data.draw(st.integers(-3, len(tensors["left"]) + 3))
    probabilities = predicted_unless_refused(tensors)
    assert probabilities is None or np.allclose(probabilities.sum(axis=1), 1.0)


def predicted_unless_refused(tensors: Tensors) -> np.ndarray | None:
    try:
        return FlatForest.from_tensors(tensors, COLUMNS).predict_proba(np.zeros((1, 3)))
    except NightdeskError:
        return None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
def test_a_value_that_is_no_float32_is_refused_with_its_column(value: float) -> None:
    _, flat = grown(1, 2, 3, (-1, 0, 1))
    rows = np.zeros((4, 3))
    rows[2, 1] = value
    with pytest.raises(NightdeskError, match=r"'b' is .* in row 2") as refused:
        flat.predict_proba(rows)
    assert refused.value.code == "features.undefined"
