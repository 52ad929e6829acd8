"""Growing and measuring forests with scikit-learn, which is not needed to predict."""

from __future__ import annotations

from typing import Any

import numpy as np
import sklearn
from sklearn.ensemble import RandomForestClassifier
from sklearn.inspection import permutation_importance
from sklearn.metrics import classification_report, confusion_matrix

from data_pipeline.actions import ACTIONS
from trainers.cloning.behavioral.columns import Floats, Labels
from trainers.cloning.behavioral.config import ForestConfig
from trainers.cloning.behavioral.imbalance import oversampled, sample_weights
from trainers.cloning.behavioral.report import WORDS, distribution
from trainers.interface import Progress

CHUNK = 10
REPEATS = 5


def grow(X: Floats, y: Labels, config: ForestConfig, seed: int, progress: Progress) -> RandomForestClassifier:
    """A fitted forest, grown a few trees at a time so that progress is reported; the trees are the same."""
    if config.oversample > 0.0:
        X, y = oversampled(X, y, config.oversample, np.random.default_rng(seed))
    weights = sample_weights(y, config.class_weight)
    forest = RandomForestClassifier(
        max_depth=config.max_depth,
        min_samples_split=config.min_samples_split,
        min_samples_leaf=config.min_samples_leaf,
        random_state=seed,
        warm_start=True,
        n_jobs=1,
    )
    # Rows are known to be finite and params to be valid: checking both for every tree takes a sixth of the time.
    with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
        for trees in [*range(CHUNK, config.n_estimators, CHUNK), config.n_estimators]:
            forest.set_params(n_estimators=trees).fit(X, y, sample_weight=weights)
            progress(trees / config.n_estimators, f"tree {trees} of {config.n_estimators}")
    return forest


def measure(
    forest: RandomForestClassifier,
    names: tuple[str, ...],
    train: tuple[Floats, Labels],
    test: tuple[Floats, Labels],
    seed: int,
) -> dict[str, Any]:
    """Metrics of the forest on the test rows, and the importance of its features.

    `majority_accuracy` is what always predicting the most frequent action of the training span would have scored. Rows
    and columns of the confusion matrix are sell, hold, buy: a row is the expert's action, a column the predicted one.
    """
    (X_train, y_train), (X_test, y_test) = train, test
    predicted = forest.predict(X_test)
    labels, counts = np.unique(y_train, return_counts=True)
    permuted = permutation_importance(
        forest, X_test, y_test, scoring="accuracy", n_repeats=REPEATS, random_state=seed, n_jobs=1
    )
    return {
        "train_accuracy": float(np.mean(forest.predict(X_train) == y_train)),
        "test_accuracy": float(np.mean(predicted == y_test)),
        "majority_accuracy": float(np.mean(y_test == labels[counts.argmax()])),
        "train_size": len(y_train),
        "test_size": len(y_test),
        "label_distribution": distribution(np.concatenate([y_train, y_test])),
        "classification_report": classification_report(
            y_test, predicted, labels=list(ACTIONS), target_names=WORDS, output_dict=True, zero_division=0.0
        ),
        "confusion_matrix": confusion_matrix(y_test, predicted, labels=list(ACTIONS)).tolist(),
        "feature_importance": _ranked(names, forest.feature_importances_),
        "permutation_importance": _ranked(names, permuted.importances_mean),
    }


def _ranked(names: tuple[str, ...], values: Floats) -> dict[str, float]:
    order = np.argsort(-values, kind="stable")
    return {names[place]: float(values[place]) for place in order}
