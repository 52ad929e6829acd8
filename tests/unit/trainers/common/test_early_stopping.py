"""Epochs end when nothing gets better, and the best one comes back."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from config.errors import NightdeskError
from trainers import EarlyStoppingCallback


def epochs(stopping: EarlyStoppingCallback, values: list[float]) -> int:
    """How many epochs it lets happen."""
    for epoch, value in enumerate(values):
        if not stopping.on_epoch_end(epoch, {"val_loss": value}):
            return epoch + 1
    return len(values)


def test_patience_counts_epochs_without_a_better_one() -> None:
    assert epochs(EarlyStoppingCallback(patience=2), [3.0, 2.0, 2.5, 2.5, 1.0]) == 4
    assert epochs(EarlyStoppingCallback(patience=3), [3.0, 2.0, 2.5, 2.5, 1.0]) == 5
    assert epochs(EarlyStoppingCallback(patience=1, min_delta=0.5), [3.0, 2.0, 1.6]) == 3
    assert epochs(EarlyStoppingCallback(patience=1, mode="max"), [1.0, 2.0, 3.0]) == 3


def test_what_is_not_a_number_is_not_better() -> None:
    stopping = EarlyStoppingCallback(patience=2)
    assert epochs(stopping, [math.nan, math.inf, 1.0]) == 2
    assert stopping.best is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.integers(1, 5))
def test_the_best_is_the_best_there_was(values: list[float], patience: int) -> None:
    stopping = EarlyStoppingCallback(patience=patience)
    used = values[: epochs(stopping, values)]
    assert stopping.best == min(used)
    assert used[stopping.best_epoch] == stopping.best
    mirrored = EarlyStoppingCallback(patience=patience, mode="max")
    assert epochs(mirrored, [-value for value in values]) == len(used)


def test_the_model_of_the_best_epoch_comes_back() -> None:
    model = torch.nn.Linear(2, 1)
    stopping = EarlyStoppingCallback(monitor="loss", patience=5)
    states = []
    for epoch, loss in enumerate((3.0, 1.0, 2.0)):
        torch.nn.init.constant_(model.weight, float(epoch))
        states.append(model.weight.clone())
        stopping.on_epoch_end(epoch, {"loss": loss}, model)
    for _ in range(2):
        stopping.restore_best(model)
        assert torch.equal(model.weight, states[1])
        torch.nn.init.constant_(model.weight, 9.0)  # what was remembered is a copy
    assert (stopping.best, stopping.best_epoch) == (1.0, 1)


def test_invalid_arguments_are_refused() -> None:
    with pytest.raises(NightdeskError, match="'val_loss'"):
        EarlyStoppingCallback().on_epoch_end(0, {"loss": 1.0})
    with pytest.raises(NightdeskError, match="came with a model"):
        EarlyStoppingCallback().restore_best(torch.nn.Linear(1, 1))
    for options in ({"patience": 0}, {"min_delta": -1.0}, {"mode": "low"}):
        with pytest.raises(NightdeskError):
            EarlyStoppingCallback(**options)
