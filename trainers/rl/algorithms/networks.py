"""The networks of all agents: one normaliser in front, then what stable-baselines3 builds, or a dueling network."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import PyTorchObs
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch import Tensor, nn

from trainers.rl.normaliser import RunningMeanStd


class Normalised(BaseFeaturesExtractor):
    """Observations through a normaliser that is shared with other networks."""

    def __init__(self, observation_space: spaces.Box, normaliser: RunningMeanStd, enabled: bool) -> None:
        super().__init__(observation_space, observation_space.shape[0])
        self.normaliser = normaliser
        self.enabled = enabled

    def forward(self, observations: Tensor) -> Tensor:
        """Normalised rows, or raw ones where that is switched off."""
        if self.enabled:
            observations = self.normaliser(observations)
        return observations


class DuelingQNetwork(QNetwork):
    """Q(s, a) = V(s) + A(s, a) - mean over actions of A(s, .); Wang et al. 2016, equation 9.

    The hidden layers of both streams are the two halves of one.
    """

    spread: Tensor

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        width, hidden = self.net_arch
        self.q_net = nn.Sequential(
            nn.Linear(self.features_dim, width), nn.ReLU(), nn.Linear(width, 2 * hidden), nn.ReLU()
        )
        self.value = nn.Linear(hidden, 1)
        self.advantage = nn.Linear(hidden, int(self.action_space.n))
        # How far the values of one state's actions lie apart: the unit in which they can be compared.
        self.register_buffer("spread", torch.ones(()))

    def forward(self, obs: PyTorchObs) -> Tensor:
        """The value of each action."""
        value, advantage = self.q_net(self.extract_features(obs, self.features_extractor)).chunk(2, dim=1)
        advantages = self.advantage(advantage)
        values: Tensor = self.value(value) + advantages - advantages.mean(dim=1, keepdim=True)
        return values


class DuelingPolicy(DQNPolicy):
    """DQN's policy with dueling networks."""

    def make_q_net(self) -> QNetwork:
        """One of the two networks."""
        return DuelingQNetwork(**self._update_features_extractor(self.net_args, features_extractor=None)).to(
            self.device
        )
