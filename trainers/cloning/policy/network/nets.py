"""Policy networks in torch: plain, with attention over the numbers of a state, and with four tasks."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from data_pipeline.policy_states.states import NAMES
from trainers.cloning.policy.config import NetworkConfig
from trainers.cloning.policy.network.file import PolicyDescription, write_policy
from trainers.cloning.policy.network.serving import Head, ServedPolicy
from trainers.rl.serving.policy import CLIP, CompiledPolicy, PolicyLayers
from trainers.rl.serving.policy import Head as HeadKind

ACTIONS = 3
RISKS = 3
STATE_DIM = len(NAMES)


class PolicyNet(nn.Module):
    """A state to the logits of hold, buy and sell [rows, 3], and a strength from 0 to 1 [rows]."""

    mean: Tensor
    std: Tensor

    def __init__(
        self, state_dim: int = STATE_DIM, hidden_dim: int = 128, num_layers: int = 2, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.attention: nn.Linear | None = None
        self.register_buffer("mean", torch.zeros(state_dim))
        self.register_buffer("std", torch.ones(state_dim))
        widths = [state_dim, *[hidden_dim] * num_layers]
        layers = [
            part
            for before, after in pairwise(widths)
            for part in (nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout))
        ]
        self.backbone = nn.Sequential(*layers)
        self.head_action = nn.Linear(hidden_dim, ACTIONS)
        self.head_strength = nn.Linear(hidden_dim, 1)

    def scale(self, mean: Tensor, std: Tensor) -> None:
        """Set by which means and deviations states are scaled before anything else."""
        self.mean.copy_(mean)
        self.std.copy_(std)

    def hidden(self, states: Tensor) -> Tensor:
        """The last hidden layer."""
        scaled = ((states - self.mean) / self.std).clamp(-CLIP, CLIP)
        if self.attention is not None:
            # Times the numbers of a state, so that even attention leaves them as they are.
            scaled = scaled * torch.softmax(self.attention(scaled), dim=-1) * scaled.shape[-1]
        hidden: Tensor = self.backbone(scaled)
        return hidden

    def forward(self, states: Tensor) -> tuple[Tensor, ...]:
        """Logits of actions, strengths."""
        hidden = self.hidden(states)
        return self.head_action(hidden), torch.sigmoid(self.head_strength(hidden)).squeeze(-1)

    def served(self) -> ServedPolicy:
        """The same policy as arrays."""
        return ServedPolicy(
            {
                "action": self._head(self.head_action, "argmax"),
                # The kernel gives (1 + tanh y) / 2, which is the sigmoid of 2 y.
                "strength": self._head(self.head_strength, "tanh", low=0.0, high=1.0, scale=0.5),
                **self._more_heads(),
            }
        )

    def save(self, path: str | Path, metadata: dict[str, Any] | None = None) -> None:
        """Publish it as a file for `load_rl_policy`, with facts about it as JSON."""
        write_policy(Path(path), self.served(), PolicyDescription(config={}, metadata=metadata or {}))

    def _more_heads(self) -> dict[str, Head]:
        return {}

    def _head(
        self, last: nn.Linear, kind: HeadKind, *, low: float = -1.0, high: float = 1.0, scale: float = 1.0
    ) -> Head:
        linears = [*_linears(self.backbone), last]
        pairs = [(_array(linear.weight.T), _array(linear.bias)) for linear in linears]
        pairs[-1] = (pairs[-1][0] * np.float32(scale), pairs[-1][1] * np.float32(scale))
        policy = PolicyLayers(_array(self.mean), _array(self.std), pairs, "relu", kind, low=low, high=high)
        if self.attention is None:
            return Head(CompiledPolicy(policy))
        return Head(CompiledPolicy(policy), (_array(self.attention.weight.T), _array(self.attention.bias)))


class AttentionPolicyNet(PolicyNet):
    """A policy that first weighs the numbers of a state: 34 z softmax(A z + a)."""

    def __init__(
        self, state_dim: int = STATE_DIM, hidden_dim: int = 128, num_layers: int = 2, dropout: float = 0.1
    ) -> None:
        super().__init__(state_dim, hidden_dim, num_layers, dropout)
        self.attention = nn.Linear(state_dim, state_dim)


class MultiTaskPolicyNet(PolicyNet):
    """A policy that also predicts the account's return over the next bar [rows], and the regime to come [rows, 3]."""

    def __init__(
        self, state_dim: int = STATE_DIM, hidden_dim: int = 128, num_layers: int = 2, dropout: float = 0.1
    ) -> None:
        super().__init__(state_dim, hidden_dim, num_layers, dropout)
        self.head_return = nn.Linear(hidden_dim, 1)
        self.head_risk = nn.Linear(hidden_dim, RISKS)

    def forward(self, states: Tensor) -> tuple[Tensor, ...]:
        """Logits of actions, strengths, returns in percent, logits of regimes."""
        hidden = self.hidden(states)
        strength = torch.sigmoid(self.head_strength(hidden)).squeeze(-1)
        return self.head_action(hidden), strength, self.head_return(hidden).squeeze(-1), self.head_risk(hidden)

    def _more_heads(self) -> dict[str, Head]:
        return {
            "return": self._head(self.head_return, "clip", low=-100.0, high=100.0),
            "risk": self._head(self.head_risk, "argmax"),
        }


NETWORKS: dict[str, type[PolicyNet]] = {
    "plain": PolicyNet,
    "attention": AttentionPolicyNet,
    "multi_task": MultiTaskPolicyNet,
}


def make_network(config: NetworkConfig, state_dim: int = STATE_DIM) -> PolicyNet:
    """The network of a config, with new weights."""
    return NETWORKS[config.network](state_dim, config.hidden_dim, config.num_layers, config.dropout)


def _linears(modules: Iterable[nn.Module]) -> list[nn.Linear]:
    return [module for module in modules if isinstance(module, nn.Linear)]


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return np.array(tensor.detach().cpu().numpy(), dtype=np.float32, order="C")
