"""The items of the production checklist, and the checks that only a model type can measure, with their limits."""

from __future__ import annotations

from collections.abc import Mapping

from evaluation.labels import format_number
from evaluation.reports.evidence import Check

LEAST_ACCURACY = 70.0  # percent
LARGEST_LOSS_GAP = 0.2
LARGEST_ACCURACY_GAP = 10.0  # percentage points
SLOWEST = 10.0  # milliseconds a decision
# The items by name, in their order, with what is asked of each.
ITEMS: Mapping[str, str] = {
    "validation_accuracy": f"above {LEAST_ACCURACY:g} %",
    "loss_gap": f"training and validation less than {LARGEST_LOSS_GAP:g} apart",
    "accuracy_gap": f"training and validation less than {LARGEST_ACCURACY_GAP:g} points apart",
    "members": "each member raises the Sharpe ratio",
    "regimes": "a gain, or a smaller loss than holding, in every volatility regime",
    "inference_speed": f"under {SLOWEST:g} ms a decision",
    "versioned": "with its time and its metrics",
    "fallback": "it decides on without a member that fails",
}


def validation_accuracy(percent: float, note: str) -> Check:
    """How often it is right on data that it was not trained on, in percent."""
    return Check("validation_accuracy", percent, ITEMS["validation_accuracy"], percent > LEAST_ACCURACY, note, "%")


def loss_gap(training: float, validation: float) -> Check:
    """By how much the loss is higher in validation than in training."""
    gap = validation - training
    note = f"Training {format_number(training, '.3f')}, validation {format_number(validation, '.3f')}."
    return Check("loss_gap", gap, ITEMS["loss_gap"], gap < LARGEST_LOSS_GAP, note)


def accuracy_gap(training: float, validation: float) -> Check:
    """By how many percentage points the accuracy is lower in validation than in training, both in percent."""
    gap = training - validation
    note = f"Training {format_number(training, '.1f')} %, validation {format_number(validation, '.1f')} %."
    return Check("accuracy_gap", gap, ITEMS["accuracy_gap"], gap < LARGEST_ACCURACY_GAP, note, "points")


def fallback(works: bool, note: str) -> Check:
    """Whether it decides on without a member that fails."""
    return Check("fallback", None, ITEMS["fallback"], works, note)
