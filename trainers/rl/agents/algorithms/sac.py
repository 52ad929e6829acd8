"""SAC on the common off-policy loop; see `SACConfig` for its equations."""

from __future__ import annotations

import numpy as np
import torch
from stable_baselines3 import sac
from torch import Tensor
from torch.optim import Adam, Optimizer

from trainers.rl.agents.algorithms.base import Actor, linears
from trainers.rl.agents.algorithms.off_policy import OffPolicy, shared
from trainers.rl.agents.configs import SACConfig


class SAC(OffPolicy, sac.SAC):
    """Soft actor-critic with twin critics and a learned temperature; see `SACConfig`."""

    log_ent_coef: Tensor
    ent_coef_optimizer: Adam

    def __init__(self, config: SACConfig, device: str) -> None:
        super().__init__(sac.MlpPolicy, **shared(config), device=device)

    def _setup_model(self) -> None:
        self.target_entropy = -float(np.prod(self.action_space.shape))
        super()._setup_model()
        self.batch_norm_stats = self.batch_norm_stats_target = []  # the normaliser is one for all networks

    def _exploring_actions(self, observations: Tensor) -> Tensor:
        action: Tensor = self.actor(observations)
        return action

    def deterministic_actor(self) -> Actor:
        """The tanh of the mean of its actions."""
        return Actor(linears(self.actor.latent_pi, [self.actor.mu]), "relu", "tanh")

    def optimisers(self) -> dict[str, Optimizer]:
        """The optimisers of actor, critic and temperature."""
        return {
            "actor": self.actor.optimizer,
            "critic": self.critic.optimizer,
            "temperature": self.ent_coef_optimizer,
        }

    def tensors(self) -> dict[str, Tensor]:
        """With the temperature."""
        return {**super().tensors(), "log_temperature": self.log_ent_coef}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """With the temperature."""
        networks = dict(tensors)
        temperature = networks.pop("log_temperature")
        super().load_tensors(networks)
        with torch.no_grad():
            self.log_ent_coef.copy_(temperature)
