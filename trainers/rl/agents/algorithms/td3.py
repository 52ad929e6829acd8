"""TD3 and DDPG on the common off-policy loop: deterministic actors with noise; see their configs for equations."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import ddpg, td3
from torch import Tensor
from torch.optim import Optimizer

from trainers.rl.agents.algorithms.base import Actor, linears
from trainers.rl.agents.algorithms.noise import OrnsteinUhlenbeck
from trainers.rl.agents.algorithms.off_policy import OffPolicy, shared
from trainers.rl.agents.configs import DDPGConfig, TD3Config


class _Deterministic(OffPolicy):
    """The common base of TD3 and DDPG: one normaliser for all networks, and a deterministic actor."""

    actor: Any
    critic: Any

    def _setup_model(self) -> None:
        super()._setup_model()
        # The normaliser is one for all networks.
        for network in ("actor", "critic"):
            setattr(self, f"{network}_batch_norm_stats", [])
            setattr(self, f"{network}_batch_norm_stats_target", [])

    def deterministic_actor(self) -> Actor:
        return Actor(linears(self.actor.mu), "relu", "tanh")

    def optimisers(self) -> dict[str, Optimizer]:
        return {"actor": self.actor.optimizer, "critic": self.critic.optimizer}


class TD3(_Deterministic, td3.TD3):
    """DDPG with twin critics, a delayed actor and smoothed targets; see `TD3Config`."""

    def __init__(self, config: TD3Config, device: str) -> None:
        self.exploration_noise = config.exploration_noise
        super().__init__(
            td3.MlpPolicy,
            **shared(config),
            policy_delay=config.policy_delay,
            target_policy_noise=config.target_noise,
            target_noise_clip=config.target_noise_clip,
            device=device,
        )

    def _exploring_actions(self, observations: Tensor) -> Tensor:
        action: Tensor = self.actor(observations)
        return (action + self.exploration_noise * torch.randn_like(action)).clamp(-1.0, 1.0)


class DDPG(_Deterministic, ddpg.DDPG):
    """One critic with a learning rate of its own, and Ornstein-Uhlenbeck noise; see `DDPGConfig`."""

    def __init__(self, config: DDPGConfig, device: str) -> None:
        self.critic_rate = config.critic_learning_rate / config.learning_rate
        self.noise = OrnsteinUhlenbeck(config.noise_theta, config.noise_sigma)
        super().__init__(td3.MlpPolicy, **shared(config), device=device)

    def _update_learning_rate(self, optimizers: list[Optimizer] | Optimizer) -> None:
        super()._update_learning_rate(optimizers)
        for group in self.critic.optimizer.param_groups:
            group["lr"] *= self.critic_rate

    def make_buffer(self) -> None:
        """A replay buffer, and noise, for the present number of environments."""
        super().make_buffer()
        self.noise.begin((self.n_envs, *self.action_space.shape))

    def memories(self) -> dict[str, NDArray[Any]]:
        """With the noise."""
        return {**super().memories(), "noise": self.noise.value}

    def load_memories(self, memories: dict[str, NDArray[Any]]) -> None:
        """With the noise."""
        super().load_memories(memories)
        self.noise.value = memories["noise"]

    def _exploring_actions(self, observations: Tensor) -> Tensor:
        noise = torch.as_tensor(self.noise.next(), dtype=torch.float32, device=self.device)
        action: Tensor = self.actor(observations) + noise
        return action.clamp(-1.0, 1.0)

    def _count_episodes(self, ended: NDArray[np.int64], log_interval: int | None) -> int:
        self.noise.reset(ended)
        return super()._count_episodes(ended, log_interval)
