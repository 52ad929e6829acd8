"""The label distribution and the training metrics of the behavioural cloner, as text for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from data_pipeline.actions import ACTIONS, BUY, HOLD, SELL
from trainers.cloning.behavioral.columns import Labels

WORDS = list(ACTIONS.values())


def distribution(y: Labels) -> dict[str, int]:
    """How often the labels are sell, hold and buy."""
    return {word: int(np.sum(y == action)) for action, word in ACTIONS.items()}


def labels_text(y: Labels, notes: list[str]) -> str:
    """The label distribution as a block of text; `notes` are the issues of the log."""
    counts = distribution(y)
    trades = counts["buy"] + counts["sell"]
    lines = [
        "=== Label Distribution ===",
        *(
            f"{f'{ACTIONS[action].capitalize()} ({action}):':<12} {counts[ACTIONS[action]]:>5} samples"
            for action in (HOLD, BUY, SELL)
        ),
        "",
        f"Total samples: {len(y)}",
        f"Total trades: {trades} ({trades / max(len(y), 1):.2%})",
        *notes,
        "=========================",
    ]
    return "\n".join(lines)


def training_text(metrics: Mapping[str, Any]) -> str:
    """The metrics of `measure` as a block of text."""
    lines = [
        "=== Training Report ===",
        f"Training set: {metrics['train_size']} samples, test set: {metrics['test_size']} samples (the last in time)",
        f"Training accuracy: {metrics['train_accuracy']:.4f}",
        f"Test accuracy:     {metrics['test_accuracy']:.4f}",
        f"Always the most frequent action: {metrics['majority_accuracy']:.4f}",
        "",
        "Classification report",
        *_classification_lines(metrics["classification_report"]),
        "",
        "Confusion matrix (rows: the expert, columns: the model)",
        "      " + "".join(f"{word:>7}" for word in WORDS),
        *(
            f"{word:>6}" + "".join(f"{n:>7}" for n in row)
            for word, row in zip(WORDS, metrics["confusion_matrix"], strict=True)
        ),
        "",
        "TOP 10 FEATURE IMPORTANCES",
        *(
            f"{place}. {name:<20}: {value:.4f}"
            for place, (name, value) in enumerate(list(metrics["feature_importance"].items())[:10], start=1)
        ),
        "=======================",
    ]
    return "\n".join(lines)


def _classification_lines(report: Mapping[str, Any]) -> list[str]:
    head = f"{'':>6}{'precision':>11}{'recall':>9}{'f1-score':>10}{'support':>9}"
    rows = [(word, report[word]) for word in WORDS]
    return [
        head,
        *(
            f"{word:>6}{row['precision']:>11.2f}{row['recall']:>9.2f}{row['f1-score']:>10.2f}{row['support']:>9.0f}"
            for word, row in rows
        ),
    ]
