from __future__ import annotations

import math

import pytest
import torch

from trainers.cloning.policy.training.losses import (
    FocalLoss,
    action_loss,
    class_weights,
    focal_loss,
    risk_loss,
    squared_error,
)

# Two rows: probabilities (1/2, 1/4, 1/4) for an action 0, and (1/4, 1/2, 1/4) for an action 2.
LOGITS = torch.log(torch.tensor([[2.0, 1.0, 1.0], [1.0, 2.0, 1.0]]))
ACTIONS = torch.tensor([0, 2])


def test_weights_are_the_total_by_three_times_the_count() -> None:
    weights = class_weights(torch.tensor([872, 312, 269]))
    assert weights.tolist() == pytest.approx([1453 / 2616, 1453 / 936, 1453 / 807])
    assert class_weights(torch.tensor([4, 2, 0])).tolist() == [0.5, 1.0, 1.0]


def test_the_loss_of_actions_is_the_weighted_mean_of_surprises() -> None:
    assert float(action_loss(LOGITS, ACTIONS)) == pytest.approx((math.log(2) + math.log(4)) / 2)
    weights = torch.tensor([1.0, 1.0, 3.0])
    assert float(action_loss(LOGITS, ACTIONS, weights)) == pytest.approx((math.log(2) + 3 * math.log(4)) / 4)


def test_the_focal_loss_counts_rows_that_are_right_less() -> None:
    expected = (0.5**2 * math.log(2) + 0.75**2 * math.log(4)) / 2
    assert float(focal_loss(LOGITS, ACTIONS)) == pytest.approx(expected)
    assert float(FocalLoss(gamma=2.0)(LOGITS, ACTIONS)) == pytest.approx(expected)
    assert float(focal_loss(LOGITS, ACTIONS, gamma=0.0)) == pytest.approx(float(action_loss(LOGITS, ACTIONS)))


def test_unknown_targets_do_not_count() -> None:
    predicted = torch.tensor([0.5, 1.0, 9.0], requires_grad=True)
    loss = squared_error(predicted, torch.tensor([0.0, 0.5, math.nan]))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0.25)
    assert predicted.grad is not None
    assert predicted.grad.tolist() == pytest.approx([0.5, 0.5, 0.0])
    assert float(risk_loss(LOGITS, torch.tensor([0, -1]))) == pytest.approx(math.log(2))
    assert float(risk_loss(LOGITS, torch.tensor([-1, -1]))) == 0.0
