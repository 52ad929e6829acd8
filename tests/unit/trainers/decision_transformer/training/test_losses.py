from __future__ import annotations

import math

import pytest
import torch

from trainers.decision_transformer.training.losses import action_loss, class_weights, learning_rate, return_loss

# Three bars; probabilities of two actions (1/2, 1/2), (3/4, 1/4), and a bar that does not count.
LOGITS = torch.log(torch.tensor([[[0.5, 0.5], [0.75, 0.25], [0.01, 0.99]]]))
ACTIONS = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]])
COUNTED = torch.tensor([[True, True, False]])


def test_the_action_loss_is_the_mean_surprise_of_the_bars_that_count() -> None:
    assert action_loss(LOGITS, ACTIONS, COUNTED).item() == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_class_weights_weigh_bars_and_the_mean_alike() -> None:
    weights = torch.tensor([1.0, 3.0])
    expected = (math.log(2) + 3 * math.log(4)) / 4
    assert action_loss(LOGITS, ACTIONS, COUNTED, weights).item() == pytest.approx(expected)


def test_the_return_loss_is_the_mean_square_of_the_bars_that_count() -> None:
    predicted, actual = torch.tensor([[[1.0], [2.0], [9.0]]]), torch.tensor([[[0.0], [4.0], [0.0]]])
    assert return_loss(predicted, actual, COUNTED).item() == pytest.approx(2.5)
    assert return_loss(predicted, actual, torch.zeros_like(COUNTED)).item() == 0.0


def test_balanced_weights_make_classes_equal_and_an_absent_one_weighs_one() -> None:
    counts = torch.tensor([6.0, 3.0, 0.0])
    torch.testing.assert_close(class_weights(counts, 1.0), torch.tensor([0.75, 1.5, 1.0]))
    torch.testing.assert_close(class_weights(counts, 0.0), torch.ones(3))
    assert class_weights(counts, 0.5)[1].item() == pytest.approx(math.sqrt(1.5))


def test_the_learning_rate_rises_linearly_and_falls_to_a_tenth() -> None:
    rates = [learning_rate(step, 100, 1.0, warmup=10) for step in range(101)]
    assert rates[:3] == pytest.approx([0.1, 0.2, 0.3])
    assert max(rates) == rates[9] == rates[10] == 1.0
    assert rates[55] == pytest.approx(0.55)
    assert rates[100] == pytest.approx(0.1)
    assert learning_rate(2, 6, 1.0, warmup=1000) == 1.0  # no more than half of all steps
    assert learning_rate(0, 1, 1.0, warmup=0) == 1.0
