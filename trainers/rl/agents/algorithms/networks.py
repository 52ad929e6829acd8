"""The networks of all agents: a normaliser, then the networks of stable-baselines3 or a dueling network."""

from __future__ import annotations

import math
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import PyTorchObs
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch import Tensor, nn
from torch.nn import functional

from trainers.rl.environments.normaliser import RunningMeanStd

_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


class Normalised(BaseFeaturesExtractor):
    """Normalises observations; the normaliser is shared by all networks of an agent."""

    def __init__(self, observation_space: spaces.Box, normaliser: RunningMeanStd, enabled: bool) -> None:
        super().__init__(observation_space, observation_space.shape[0])
        self.normaliser = normaliser
        self.enabled = enabled

    def forward(self, observations: Tensor) -> Tensor:
        """Normalised rows, or raw ones where that is switched off."""
        if self.enabled:
            observations = self.normaliser(observations)
        return observations


class ActorCritic(ActorCriticPolicy):
    """stable-baselines3's actor and critic, with explicit densities instead of distribution objects, which are slow."""

    def forward(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ARG002
        """Sampled actions, the value of the state, and the logarithm of the actions' probability."""
        outputs, values = self._outputs(obs)
        if isinstance(self.action_space, spaces.Discrete):
            logs = functional.log_softmax(outputs, dim=1)
            # The largest of logits less the logarithm of exponential noise is a draw from their softmax (Gumbel).
            actions = (logs - torch.empty_like(logs).exponential_().log()).argmax(dim=1)
            return actions, values, _of_actions(logs, actions)
        actions = outputs + self.log_std.exp() * torch.randn_like(outputs)
        return actions, values, self._density(outputs, actions)

    def evaluate_actions(self, obs: PyTorchObs, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Value, logarithm of the probability and entropy, for actions of the rollout."""
        outputs, values = self._outputs(obs)
        if isinstance(self.action_space, spaces.Discrete):
            logs = functional.log_softmax(outputs, dim=1)
            return values, _of_actions(logs, actions.long()), -(logs.exp() * logs).sum(dim=1)
        entropy = (self.log_std + 0.5 + _HALF_LOG_2PI).sum().expand(len(outputs))
        return values, self._density(outputs, actions), entropy

    def _outputs(self, obs: PyTorchObs) -> tuple[Tensor, Tensor]:
        actor, critic = self.mlp_extractor(self.extract_features(obs))
        return self.action_net(actor), self.value_net(critic)

    def _density(self, mean: Tensor, actions: Tensor) -> Tensor:
        """log N(actions; mean, exp(log_std)), summed over the numbers of an action."""
        off = (actions - mean) * (-self.log_std).exp()
        return -(0.5 * off.square() + self.log_std + _HALF_LOG_2PI).sum(dim=1)


def _of_actions(logs: Tensor, actions: Tensor) -> Tensor:
    return logs.gather(1, actions.unsqueeze(1)).squeeze(1)


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
        # Running standard deviation of the action values of a state, the scale on which they can be compared.
        self.register_buffer("spread", torch.ones(()))

    def best(self, obs: PyTorchObs) -> Tensor:
        """The action of the highest value, for which the value stream is not needed."""
        _, advantage = self.q_net(self.extract_features(obs, self.features_extractor)).chunk(2, dim=1)
        best: Tensor = self.advantage(advantage).argmax(dim=1)
        return best

    def forward(self, obs: PyTorchObs) -> Tensor:
        """The value of each action."""
        value, advantage = self.q_net(self.extract_features(obs, self.features_extractor)).chunk(2, dim=1)
        advantages = self.advantage(advantage)
        values: Tensor = self.value(value) + advantages - advantages.mean(dim=1, keepdim=True)
        return values


class DuelingPolicy(DQNPolicy):
    """DQN's policy with dueling networks."""

    def make_q_net(self) -> QNetwork:
        """The online or the target network."""
        return DuelingQNetwork(**self._update_features_extractor(self.net_args, features_extractor=None)).to(
            self.device
        )
