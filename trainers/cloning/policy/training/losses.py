"""The losses of a policy: pure functions, each a mean over the rows that count."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def class_weights(counts: Tensor) -> Tensor:
    """total / (3 count) for each of three actions; 1 for one that does not occur."""
    weights = counts.sum() / (len(counts) * counts.clamp_min(1))
    return torch.where(counts > 0, weights, torch.ones_like(weights))


def action_loss(logits: Tensor, actions: Tensor, weights: Tensor | None = None) -> Tensor:
    """Cross-entropy of logits [rows, 3]: sum of w_a (-log p_a) over sum of w_a."""
    return functional.cross_entropy(logits, actions, weight=weights)


def focal_loss(logits: Tensor, actions: Tensor, gamma: float = 2.0) -> Tensor:
    """Mean of (1 - p_a)^gamma (-log p_a): rows that are right already count less."""
    surprise = functional.cross_entropy(logits, actions, reduction="none")
    return ((1.0 - torch.exp(-surprise)) ** gamma * surprise).mean()


def squared_error(predicted: Tensor, targets: Tensor) -> Tensor:
    """Mean squared error of strengths or returns [rows], where the target is known (not NaN)."""
    known = ~torch.isnan(targets)
    errors = torch.where(known, predicted - torch.nan_to_num(targets), torch.zeros_like(predicted)) ** 2
    return errors.sum() / known.sum().clamp_min(1)


def risk_loss(logits: Tensor, regimes: Tensor) -> Tensor:
    """Cross-entropy of regimes [rows, 3], where they are known (not -1)."""
    summed = functional.cross_entropy(logits, regimes, ignore_index=-1, reduction="sum")
    return summed / (regimes >= 0).sum().clamp_min(1)


class FocalLoss(nn.Module):
    """`focal_loss` as a module (Lin et al. 2017, https://arxiv.org/abs/1708.02002)."""

    def __init__(self, gamma: float = 2.0) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The loss of logits [rows, 3] for actions [rows]."""
        return focal_loss(logits, targets, self.gamma)
