"""`PolicyTuner`: PPO or A2C from the weights of a policy, beginning with that policy's own action probabilities."""

from __future__ import annotations

from typing import Any, Literal

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from trainers.rl.agents.agent import fast_torch, vectorised
from trainers.rl.agents.algorithms.base import linears
from trainers.rl.agents.algorithms.on_policy import A2C, PPO, OnPolicy
from trainers.rl.agents.configs import A2CConfig, PPOConfig
from trainers.rl.agents.randomness import Randomness
from trainers.rl.serving.policy import PolicyLayers

AlgorithmName = Literal["ppo", "a2c"]
Singles = NDArray[np.float32]
Linear = tuple[Singles, Singles]  # W [inputs, outputs], b [outputs]


class Scaled(BaseFeaturesExtractor):
    """States by the policy's own means and deviations, and by its attention, if it has any."""

    mean: Tensor
    std: Tensor

    def __init__(self, observation_space: spaces.Box, layers: PolicyLayers, attention: Linear | None) -> None:
        super().__init__(observation_space, len(layers.mean))
        self.register_buffer("mean", torch.from_numpy(layers.mean.copy()))
        self.register_buffer("std", torch.from_numpy(layers.std.copy()))
        self.clip = layers.clip
        self.attention = None if attention is None else nn.Linear(len(layers.mean), len(layers.mean))

    def forward(self, observations: Tensor) -> Tensor:
        """Scaled rows."""
        scaled: Tensor = ((observations - self.mean) / self.std).clamp(-self.clip, self.clip)
        if self.attention is not None:
            scaled = scaled * torch.softmax(self.attention(scaled), dim=-1) * scaled.shape[-1]
        return scaled


class PolicyTuner:
    """Trains the actor of a policy by reinforcement; its critic is new.

    Args:
        layers: the policy's layers from a state to the logits of its actions.
        attention: A and a of its attention over the state, if it has any.
        env: an environment of states with as many actions.
        algorithm: ppo or a2c.
        learning_rate: small, so that the policy moves from what it has learned and does not forget it.
        seed: of everything that is drawn by lot.
    """

    def __init__(
        self,
        layers: PolicyLayers,
        attention: Linear | None,
        env: gymnasium.Env[Any, Any],
        *,
        algorithm: AlgorithmName = "ppo",
        learning_rate: float = 1e-4,
        seed: int = 42,
    ) -> None:
        self._layers, self._seed, self._randomness = layers, seed, Randomness(seed)
        self._env = vectorised(env)
        with self._randomness.active(), fast_torch():
            self._algorithm = _algorithm(algorithm, learning_rate)
            self._algorithm.other_policy_kwargs = _architecture(layers, attention)
            config = PPOConfig(normalise_observations=False)
            self._algorithm.begin(config, env.observation_space, env.action_space)  # type: ignore[arg-type]
            self._load(attention)

    def probabilities(self, states: ArrayLike) -> NDArray[np.float32]:
        """The probabilities that the algorithm draws actions from, of states [rows, numbers]."""
        with torch.no_grad():
            rows = torch.as_tensor(np.asarray(states, np.float32))
            drawn = self._algorithm.policy.get_distribution(rows).distribution
            probabilities: NDArray[np.float32] = drawn.probs.numpy()
        return probabilities

    def learn(self, timesteps: int) -> None:
        """Play and learn for so many steps."""
        with self._randomness.active(), fast_torch():
            self._env.seed(self._seed)
            self._algorithm.attach(self._env)
            self._algorithm.reset_training()
            self._algorithm.learn(timesteps, log_interval=10)

    @property
    def actor(self) -> list[Linear]:
        """The layers of the actor as they are now."""
        policy = self._algorithm.policy
        return [_arrays(*pair) for pair in linears(policy.mlp_extractor.policy_net, [policy.action_net])]

    @property
    def attention(self) -> Linear | None:
        """The attention as it is now."""
        layer = self._algorithm.policy.features_extractor.attention
        return None if layer is None else _arrays(layer.weight, layer.bias)

    def _load(self, attention: Linear | None) -> None:
        policy = self._algorithm.policy
        modules = [m for parts in (policy.mlp_extractor.policy_net, [policy.action_net]) for m in parts]
        targets = [module for module in modules if isinstance(module, nn.Linear)]
        for target, pair in zip(targets, self._layers.layers, strict=True):
            _copy(target, pair)
        # stable-baselines3 initialises the linear layers of its extractor anew.
        if attention is not None:
            _copy(policy.features_extractor.attention, attention)


def _algorithm(name: AlgorithmName, learning_rate: float) -> OnPolicy:
    if name == "ppo":
        return PPO(PPOConfig(learning_rate=learning_rate, normalise_observations=False), "cpu")
    return A2C(A2CConfig(learning_rate=learning_rate, normalise_observations=False), "cpu")


def _architecture(layers: PolicyLayers, attention: Linear | None) -> dict[str, Any]:
    """Actor and critic as wide and deep as the policy."""
    widths = [len(bias) for _, bias in layers.layers[:-1]]
    return {
        "net_arch": {"pi": widths, "vf": widths},
        "activation_fn": nn.ReLU,
        "features_extractor_class": Scaled,
        "features_extractor_kwargs": {"layers": layers, "attention": attention},
    }


@torch.no_grad()
def _copy(module: nn.Linear, pair: Linear) -> None:
    module.weight.copy_(torch.from_numpy(pair[0].T.copy()))
    module.bias.copy_(torch.from_numpy(pair[1].copy()))


def _arrays(weight: Tensor, bias: Tensor) -> Linear:
    return _array(weight.T), _array(bias)


def _array(tensor: Tensor) -> Singles:
    return np.array(tensor.detach().cpu().numpy(), dtype=np.float32, order="C")
