"""The common base of all six algorithms: networks behind one normaliser, environments attached later."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecEnv
from torch import nn
from torch.optim import Adam, Optimizer

from trainers.rl.agents.algorithms.networks import Normalised
from trainers.rl.agents.configs import AgentConfig
from trainers.rl.environments.normaliser import RunningMeanStd
from trainers.rl.serving.policy import Activation, Head

Infos = list[dict[str, Any]]


def schedule(config: AgentConfig) -> float | Callable[[float], float]:
    """The learning rate for stable-baselines3: a number, or a function of the remaining fraction of the training."""
    if config.learning_rate_decays:
        return lambda remaining: config.learning_rate * max(remaining, 0.0)  # the last rollout may end beyond it
    return config.learning_rate


class Actor(NamedTuple):
    """The deterministic actor: linear layers, the activation between them, and the head that gives the action."""

    linears: list[tuple[torch.Tensor, torch.Tensor]]
    activation: Activation
    head: Head
    temperature: float = 1.0


def linears(*modules: Iterable[nn.Module]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Weight and bias of every linear layer in these, in their order."""
    return [(m.weight, m.bias) for parts in modules for m in parts if isinstance(m, nn.Linear)]


class Algorithm(BaseAlgorithm):
    """A mixin before an algorithm of stable-baselines3, which is built by `begin` and gets its environments later."""

    # The normaliser of observations in front of every network, and whether it is used.
    normaliser: RunningMeanStd
    normalises: bool
    optimiser_kwargs: Mapping[str, Any] = {"fused": True}
    # For networks of another shape than the agents': arguments of the policy of stable-baselines3.
    other_policy_kwargs: Mapping[str, Any] = MappingProxyType({})
    # Typed as Any, since stable-baselines3 declares unions of which only one case occurs here.
    policy: Any
    action_space: Any
    _last_obs: Any
    _last_episode_starts: Any
    # Attributes of an algorithm that a checkpoint stores besides its tensors.
    counters: tuple[str, ...] = ("num_timesteps", "_episode_num", "_n_updates", "_current_progress_remaining")

    def begin(self, config: AgentConfig, observation_space: spaces.Box, action_space: spaces.Space[Any]) -> None:
        """Make networks of two hidden layers, optimisers, and buffers for one environment."""
        self.observation_space, self.action_space, self.n_envs = observation_space, action_space, 1
        self.normaliser, self.normalises = RunningMeanStd(observation_space.shape), config.normalise_observations
        self.normaliser.to(self.device)
        self.policy_kwargs |= {
            "net_arch": [config.hidden_dim, config.hidden_dim],
            "features_extractor_class": Normalised,
            "features_extractor_kwargs": {"normaliser": self.normaliser, "enabled": self.normalises},
            "optimizer_class": Adam,
            "optimizer_kwargs": dict(self.optimiser_kwargs),
            **self.other_policy_kwargs,
        }
        self.make_buffer()
        self._setup_model()
        self.set_logger(Logger(None, []))

    def attach(self, env: VecEnv) -> None:
        """Play on `env` from now on. Buffers are recreated if the number of environments changes."""
        if env is not self.env:
            self.env, self._last_obs = env, None
        if env.num_envs != self.n_envs:
            self.n_envs = env.num_envs
            self.make_buffer()

    @abstractmethod
    def make_buffer(self) -> None:
        """An empty buffer for the present number of environments."""

    @abstractmethod
    def deterministic_actor(self) -> Actor:
        """The deterministic actor."""

    def optimisers(self) -> dict[str, Optimizer]:
        """Every optimiser by name."""
        return {"policy": self.policy.optimizer}

    def tensors(self) -> dict[str, torch.Tensor]:
        """The learned tensors: networks, target networks and observation statistics."""
        return dict(self.policy.state_dict())

    def load_tensors(self, tensors: dict[str, torch.Tensor]) -> None:
        """The inverse of `tensors`."""
        self.policy.load_state_dict(tensors)

    def memories(self) -> dict[str, NDArray[Any]]:
        """The other state between two rollouts: last observations and, off-policy, the replay buffer."""
        return {"last_observations": np.asarray(self._last_obs), "last_starts": np.asarray(self._last_episode_starts)}

    def load_memories(self, memories: dict[str, NDArray[Any]]) -> None:
        """The inverse of `memories`."""
        self._last_obs, self._last_episode_starts = memories["last_observations"], memories["last_starts"]

    def begin_episodes(self) -> None:
        """Begin new episodes, where the state of the old ones is unknown."""
        self._last_obs = None

    def read_counters(self) -> dict[str, float]:
        """The counters of the training by name."""
        return {name: getattr(self, name) for name in self.counters}

    def load_counters(self, counters: dict[str, float]) -> None:
        """The inverse of `read_counters`."""
        for name in self.counters:
            setattr(self, name, type(getattr(self, name))(counters[name]))

    def reset_training(self) -> None:
        """Begin a training: empty buffers and optimiser states; the weights stay."""
        self.make_buffer()
        self._n_updates = 0
        for optimiser in self.optimisers().values():
            optimiser.state.clear()

    def _update_info_buffer(self, infos: Infos, dones: NDArray[np.bool_] | None = None) -> None:
        """Pass on only infos of ended episodes, since no others have statistics."""
        ended = range(len(infos)) if dones is None else np.flatnonzero(dones)
        super()._update_info_buffer([infos[i] for i in ended], np.ones(len(ended), dtype=bool))


def terminal(infos: Infos, dones: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The environments whose episode has ended, and those of them that were truncated."""
    ended = np.flatnonzero(dones)
    return ended, np.array([i for i in ended if infos[i].get("TimeLimit.truncated", False)], dtype=np.int64)
