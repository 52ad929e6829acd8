"""The losses of the Decision Transformer: pure functions, means over the bars that count."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def action_loss(logits: Tensor, actions: Tensor, counted: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Cross-entropy, weighted by the class of each bar's action: sum of w_a (-log p_a) over sum of w_a.

    `logits` and one-hot `actions` are [batch, bars, actions], `counted` is [batch, bars].
    """
    chosen = actions.argmax(-1)
    surprise = functional.cross_entropy(logits.flatten(0, 1), chosen.flatten(), reduction="none").view_as(chosen)
    weights = counted.to(surprise) if class_weights is None else counted * class_weights[chosen]
    return (surprise * weights).sum() / weights.sum().clamp_min(torch.finfo(weights.dtype).tiny)


def return_loss(predicted: Tensor, returns_to_go: Tensor, counted: Tensor) -> Tensor:
    """Mean squared error of scaled returns to go [batch, bars, 1]."""
    errors = (predicted - returns_to_go).squeeze(-1) ** 2
    return (errors * counted).sum() / counted.sum().clamp_min(1)


def class_weights(counts: Tensor, balance: float) -> Tensor:
    """w_c = (n / (classes n_c)) ^ balance; a class that does not occur weighs 1."""
    occurs = counts > 0
    shares = counts.sum() / (occurs.sum().clamp_min(1) * counts.clamp_min(1))
    return torch.where(occurs, shares**balance, torch.ones_like(shares))


def learning_rate(step: int, steps: int, highest: float, warmup: int) -> float:
    """Linear from 0 to `highest` over the warm-up, then along half a cosine to a tenth of it at the last step."""
    warmup = min(warmup, steps // 2)
    if step < warmup:
        return highest * (step + 1) / warmup
    fallen = (step - warmup) / max(steps - warmup, 1)
    return highest * (0.55 + 0.45 * math.cos(math.pi * fallen))
