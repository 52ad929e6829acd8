"""The loss of each row by the head of a network."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from trainers.forecast.heads import LEVELS, LOG_VARIANCE
from trainers.forecast.params import Head
from trainers.nets.loop import Loss


def gaussian_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """0.5 (v + (y - m)^2 / exp(v)): the negative log-likelihood of N(m, exp(v)) without its constant."""
    log_variance = outputs[:, 1].clamp(-LOG_VARIANCE, LOG_VARIANCE)
    return 0.5 * (log_variance + (targets - outputs[:, 0]) ** 2 / log_variance.exp())


def pinball_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """The mean over levels of max(level (y - q), (level - 1)(y - q))."""
    quantiles = torch.cat([outputs[:, :1], softplus(outputs[:, 1:])], dim=1).cumsum(dim=1)
    levels = torch.tensor(LEVELS, dtype=outputs.dtype, device=outputs.device)
    error = targets[:, None] - quantiles
    return torch.maximum(levels * error, (levels - 1.0) * error).mean(dim=1)


LOSSES: dict[Head, Loss] = {"gaussian": gaussian_loss, "quantile": pinball_loss}
