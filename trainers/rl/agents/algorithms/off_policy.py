"""The common base of DQN, SAC, TD3 and DDPG: a replay buffer that is filled without a loop over environments."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import ActionNoise
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.type_aliases import ReplayBufferSamples, RolloutReturn, TrainFreq
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from trainers.rl.agents.algorithms.base import Algorithm, Infos, schedule, terminal
from trainers.rl.agents.configs import ReplayConfig

# The observation statistics are updated after so many new observations, sooner while there are few.
_STATISTICS_EVERY = 1024
_TRANSITION = ("observations", "next_observations", "actions", "rewards", "dones")


class Memory(ReplayBuffer):
    """stable-baselines3's replay buffer without copies; a truncated episode does not count as terminated."""

    def add(  # noqa: PLR0917 -- as stable-baselines3 calls it
        self,
        obs: NDArray[Any],
        next_obs: NDArray[Any],
        action: NDArray[Any],
        reward: NDArray[Any],
        done: NDArray[Any],
        infos: Infos,
    ) -> None:
        """Store one transition of each environment."""
        ended, cut = terminal(infos, done)
        at = self.pos
        self.observations[at], self.next_observations[at] = obs, next_obs
        for i in ended:
            self.next_observations[at, i] = infos[i]["terminal_observation"]
        self.actions[at] = action.reshape(self.n_envs, self.action_dim)
        self.rewards[at], self.dones[at] = reward, done
        self.dones[at, cut] = 0.0
        self.pos = (at + 1) % self.buffer_size
        self.full = self.full or self.pos == 0

    def sample(self, batch_size: int, env: VecNormalize | None = None) -> ReplayBufferSamples:  # noqa: ARG002
        """A batch of transitions, drawn uniformly over environments and steps."""
        rows = np.random.randint(0, self.size() * self.n_envs, size=batch_size)
        parts = (self.observations, self.actions, self.next_observations, self.dones, self.rewards)
        data = (part.reshape(self.buffer_size * self.n_envs, -1).take(rows, axis=0) for part in parts)
        return ReplayBufferSamples(*(torch.from_numpy(part).to(self.device) for part in data))

    def newest(self, steps: int) -> NDArray[Any]:
        """The observations of the last `steps` steps."""
        return self.observations.take(np.arange(self.pos - steps, self.pos), axis=0, mode="wrap")


class OffPolicy(Algorithm, OffPolicyAlgorithm):
    """Explores, stores transitions in a replay buffer, and learns from batches of them."""

    replay_buffer: Memory
    counters = (*Algorithm.counters, "steps_unseen")
    # Steps whose observations are not in the normaliser's statistics yet.
    steps_unseen = 0

    def make_buffer(self) -> None:
        """An empty replay buffer for the present number of environments."""
        self.replay_buffer = Memory(
            self.buffer_size, self.observation_space, self.action_space, self.device, self.n_envs
        )
        self.steps_unseen = 0

    def memories(self) -> dict[str, NDArray[Any]]:
        """With every transition."""
        buffer = self.replay_buffer
        transitions = {name: getattr(buffer, name)[: buffer.size()] for name in _TRANSITION}
        return {**super().memories(), **transitions, "position": np.array([buffer.pos])}

    def load_memories(self, memories: dict[str, NDArray[Any]]) -> None:
        """With every transition."""
        super().load_memories(memories)
        buffer, rows = self.replay_buffer, len(memories["rewards"])
        for name in _TRANSITION:
            getattr(buffer, name)[:rows] = memories[name]
        buffer.pos, buffer.full = int(memories["position"][0]), rows == buffer.buffer_size

    def _explore(self) -> NDArray[Any]:
        """An action for each environment; continuous ones in [-1, 1]."""
        if self.num_timesteps < self.learning_starts:
            return self._random_actions()
        with torch.no_grad():
            observations = torch.as_tensor(self._last_obs, dtype=torch.float32, device=self.device)
            return self._exploring_actions(observations).cpu().numpy()

    def _random_actions(self) -> NDArray[Any]:
        return np.random.uniform(-1.0, 1.0, size=(self.n_envs, *self.action_space.shape)).astype(np.float32)

    @abstractmethod
    def _exploring_actions(self, observations: torch.Tensor) -> torch.Tensor:
        """The policy's actions with exploration."""

    def collect_rollouts(  # noqa: PLR0917 -- as stable-baselines3 calls it
        self,
        env: VecEnv,
        callback: BaseCallback,
        train_freq: TrainFreq,
        replay_buffer: ReplayBuffer,
        action_noise: ActionNoise | None = None,  # noqa: ARG002 -- `_exploring_actions` has its own
        learning_starts: int = 0,  # noqa: ARG002 -- `_explore` reads it from self
        log_interval: int | None = None,
    ) -> RolloutReturn:
        """Play `train_freq` steps in each environment and store them."""
        self._learn_statistics()
        self.policy.set_training_mode(False)
        callback.on_rollout_start()
        episodes = 0
        for step in range(1, train_freq.frequency + 1):
            stored = self._explore()
            played: Any = env.step(self._in_bounds(stored))
            new_obs, rewards, dones, infos = played
            self.num_timesteps += env.num_envs
            callback.update_locals({"new_obs": new_obs, "rewards": rewards, "dones": dones, "infos": infos})
            if not callback.on_step():
                return RolloutReturn(step * env.num_envs, episodes, continue_training=False)
            self._update_info_buffer(infos, dones)
            replay_buffer.add(self._last_obs, new_obs, stored, rewards, dones, infos)
            self._last_obs = new_obs
            self.steps_unseen += 1
            self._update_current_progress_remaining(self.num_timesteps, self._total_timesteps)
            self._on_step()
            episodes += self._count_episodes(np.flatnonzero(dones), log_interval)
        callback.on_rollout_end()
        return RolloutReturn(train_freq.frequency * env.num_envs, episodes, continue_training=True)

    def _count_episodes(self, ended: NDArray[np.int64], log_interval: int | None) -> int:
        before = self._episode_num
        self._episode_num += len(ended)
        if log_interval is not None and self._episode_num // log_interval > before // log_interval:
            self.dump_logs()
        return len(ended)

    def _learn_statistics(self) -> None:
        unseen = self.steps_unseen * self.n_envs
        if self.normalises and unseen and unseen >= min(_STATISTICS_EVERY, float(self.normaliser.count)):
            self.normaliser.update(self.replay_buffer.newest(self.steps_unseen))
            self.steps_unseen = 0

    def _in_bounds(self, actions: NDArray[Any]) -> NDArray[Any]:
        if isinstance(self.action_space, spaces.Box):
            actions = self.policy.unscale_action(actions)
        return actions


def shared(config: ReplayConfig) -> dict[str, Any]:
    """The constructor arguments of stable-baselines3 that all off-policy configs share."""
    return {
        "env": None,
        "learning_rate": schedule(config),
        "buffer_size": config.buffer_size,
        "learning_starts": config.learning_starts,
        "batch_size": config.batch_size,
        "tau": config.tau,
        "gamma": config.gamma,
        "train_freq": config.train_freq,
        "gradient_steps": config.gradient_steps,
        "replay_buffer_class": Memory,
        "_init_setup_model": False,
    }
