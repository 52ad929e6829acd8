"""DQN with dueling networks and double targets; see `DQNConfig` for its equations."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import dqn
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.utils import polyak_update
from torch import Tensor
from torch.nn import functional

from trainers.rl.agents.algorithms.base import Actor, linears
from trainers.rl.agents.algorithms.networks import DuelingPolicy, DuelingQNetwork
from trainers.rl.agents.algorithms.off_policy import OffPolicy, shared
from trainers.rl.agents.configs import DQNConfig

# The rate at which the running spread of action values follows that of the newest batch.
_SPREAD_RATE = 0.01


class DQN(OffPolicy, dqn.DQN):
    """Deep Q-learning; each environment explores independently. See `DQNConfig`."""

    q_net: DuelingQNetwork
    q_net_target: DuelingQNetwork
    counters = (*OffPolicy.counters, "exploration_rate")

    def __init__(self, config: DQNConfig, device: str) -> None:
        super().__init__(
            DuelingPolicy,
            **shared(config),
            exploration_initial_eps=config.exploration_initial,
            exploration_final_eps=config.exploration_final,
            exploration_fraction=config.exploration_fraction,
            max_grad_norm=config.max_grad_norm,
            device=device,
        )

    def _on_step(self) -> None:
        """Decay the exploration rate; the target network is updated in `train`."""
        self.exploration_rate = self.exploration_schedule(self._current_progress_remaining)

    def _random_actions(self) -> NDArray[Any]:
        return np.random.randint(0, self.action_space.n, size=self.n_envs)

    def _exploring_actions(self, observations: Tensor) -> Tensor:
        greedy = self.q_net.best(observations)
        exploring = torch.from_numpy(np.random.rand(self.n_envs) < self.exploration_rate).to(self.device)
        return torch.where(exploring, torch.from_numpy(self._random_actions()).to(self.device), greedy)

    def deterministic_actor(self) -> Actor:
        """The advantage stream, since the state's value is the same for all actions."""
        trunk, streams = linears(self.q_net.q_net)
        half = len(streams[1]) // 2
        advantages = (streams[0][half:], streams[1][half:])
        return Actor([trunk, advantages, *linears([self.q_net.advantage])], "relu", "argmax", float(self.q_net.spread))

    def targets(self, batch: ReplayBufferSamples) -> Tensor:
        """r + gamma Q'(s', argmax Q(s', .)): one network selects, the other evaluates (van Hasselt et al. 2016)."""
        with torch.no_grad():
            best = self.q_net.best(batch.next_observations).unsqueeze(1)
            following: Tensor = self.q_net_target(batch.next_observations).gather(1, best)
            return batch.rewards + (1.0 - batch.dones) * self.gamma * following

    def train(self, gradient_steps: int, batch_size: int = 64) -> None:
        """Minimise the Huber loss on batches of the replay buffer; the target network follows by tau after each."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        losses = []
        for _ in range(gradient_steps):
            batch = self.replay_buffer.sample(batch_size)
            values = self.q_net(batch.observations)
            loss = functional.smooth_l1_loss(values.gather(1, batch.actions.long()), self.targets(batch))
            losses.append(loss.detach())
            self.policy.optimizer.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(self.q_net.parameters(), self.max_grad_norm)
            self.policy.optimizer.step()
            polyak_update(self.q_net.parameters(), self.q_net_target.parameters(), self.tau)
            self.q_net.spread.lerp_(values.detach().std(dim=1).mean(), _SPREAD_RATE)
        self._n_updates += gradient_steps
        self.logger.record("train/loss", float(torch.stack(losses).mean()))
