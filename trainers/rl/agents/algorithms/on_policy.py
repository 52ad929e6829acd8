"""PPO and A2C: rollouts without a loop over environments; observation statistics are updated between rollouts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3 import a2c, ppo
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.type_aliases import RolloutBufferSamples
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from trainers.rl.agents.algorithms.base import Actor, Algorithm, Infos, linears, schedule, terminal
from trainers.rl.agents.algorithms.networks import ActorCritic
from trainers.rl.agents.configs import A2CConfig, ActorCriticConfig, PPOConfig
from trainers.rl.serving.policy import Head

_COLUMNS = ("actions", "values", "log_probs", "advantages", "returns")


class Rollout(RolloutBuffer):
    """stable-baselines3's rollout buffer without copies: arrays are allocated once and flattened as views."""

    def reset(self) -> None:
        """Restart at the first step; the arrays are reused, as every value is written before it is read."""
        if not hasattr(self, "observations"):
            super().reset()
        self.pos, self.full = 0, False

    def add(  # noqa: PLR0917 -- as stable-baselines3 calls it
        self,
        obs: NDArray[Any],
        action: NDArray[Any],
        reward: NDArray[Any],
        episode_start: NDArray[Any],
        value: Tensor,
        log_prob: Tensor,
    ) -> None:
        """Write one step of every environment."""
        at = self.pos
        self.observations[at], self.rewards[at], self.episode_starts[at] = obs, reward, episode_start
        self.actions[at] = action.reshape(self.n_envs, self.action_dim)
        self.values[at], self.log_probs[at] = value.cpu().numpy().ravel(), log_prob.cpu().numpy()
        self.pos = at + 1
        self.full = self.pos == self.buffer_size

    def get(self, batch_size: int | None = None) -> Iterator[RolloutBufferSamples]:  # type: ignore[override]
        """The rollout in random batches, or all of it in order without a `batch_size`."""
        rows = self.buffer_size * self.n_envs
        observations = torch.from_numpy(self.observations.reshape(rows, *self.obs_shape))
        actions, *columns = (torch.from_numpy(getattr(self, name).reshape(rows, -1)) for name in _COLUMNS)
        data = (observations, actions.float(), *(column.squeeze(1) for column in columns))
        if batch_size is None:
            yield RolloutBufferSamples(*(part.to(self.device) for part in data))
            return
        order = torch.from_numpy(np.random.permutation(rows))
        for batch in torch.split(order, batch_size):
            yield RolloutBufferSamples(*(part[batch].to(self.device) for part in data))


class OnPolicy(Algorithm, OnPolicyAlgorithm):
    """Collects a rollout, learns from it, and discards it."""

    optimiser_kwargs: Mapping[str, Any] = {"fused": True, "eps": 1e-5}

    def make_buffer(self) -> None:
        """A rollout for the present number of environments."""
        self.n_steps = self._steps(self.n_envs)
        self.rollout_buffer = Rollout(
            self.n_steps,
            self.observation_space,
            self.action_space,
            self.device,
            self.gae_lambda,
            self.gamma,
            self.n_envs,
        )

    @abstractmethod
    def _steps(self, environments: int) -> int:
        """Steps of a rollout in each of this many environments."""

    def deterministic_actor(self) -> Actor:
        """The mean of continuous actions, or the logits of discrete ones."""
        head: Head = "clip" if isinstance(self.action_space, spaces.Box) else "argmax"
        return Actor(linears(self.policy.mlp_extractor.policy_net, [self.policy.action_net]), "tanh", head)

    def train(self) -> None:
        """Update from the rollout, and then the observation statistics."""
        super().train()
        if self.normalises:
            self.normaliser.update(self.rollout_buffer.observations)

    def collect_rollouts(
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: RolloutBuffer, n_rollout_steps: int
    ) -> bool:
        """Play `n_rollout_steps` in each environment; False if the callback asks to stop."""
        self.policy.set_training_mode(False)
        rollout_buffer.reset()
        callback.on_rollout_start()
        for _ in range(n_rollout_steps):
            observations = np.asarray(self._last_obs, dtype=np.float32)
            with torch.no_grad():
                actions, values, log_probs = self.policy(torch.from_numpy(observations).to(self.device))
            sampled = actions.cpu().numpy()
            played: Any = env.step(self._in_bounds(sampled))
            new_obs, rewards, dones, infos = played
            self.num_timesteps += env.num_envs
            callback.update_locals({"new_obs": new_obs, "rewards": rewards, "dones": dones, "infos": infos})
            if not callback.on_step():
                return False
            self._update_info_buffer(infos, dones)
            rewards = self._with_cut_off(rewards, dones, infos)
            rollout_buffer.add(observations, sampled, rewards, self._last_episode_starts, values, log_probs)
            self._last_obs, self._last_episode_starts = new_obs, dones
        rollout_buffer.compute_returns_and_advantage(self._values(new_obs), dones)
        callback.on_rollout_end()
        return True

    def _in_bounds(self, actions: NDArray[Any]) -> NDArray[Any]:
        if isinstance(self.action_space, spaces.Box):
            actions = np.clip(actions, self.action_space.low, self.action_space.high)
        return actions

    def _values(self, observations: NDArray[Any]) -> Tensor:
        with torch.no_grad():
            values: Tensor = self.policy.predict_values(
                torch.as_tensor(observations, dtype=torch.float32, device=self.device)
            )
        return values

    def _with_cut_off(self, rewards: NDArray[Any], dones: NDArray[np.bool_], infos: Infos) -> NDArray[Any]:
        """Rewards plus the discounted value of the last state where an episode was truncated."""
        _, cut = terminal(infos, dones)
        if not len(cut):
            return rewards
        last = np.stack([infos[i]["terminal_observation"] for i in cut])
        rewards = np.array(rewards, dtype=np.float32)
        rewards[cut] += self.gamma * self._values(last).cpu().numpy().ravel()
        return rewards


def _shared(config: ActorCriticConfig) -> dict[str, Any]:
    return {
        "policy": ActorCritic,
        "env": None,
        "learning_rate": schedule(config),
        "gamma": config.gamma,
        "gae_lambda": config.gae_lambda,
        "ent_coef": config.ent_coef,
        "vf_coef": config.vf_coef,
        "max_grad_norm": config.max_grad_norm,
        "rollout_buffer_class": Rollout,
        "_init_setup_model": False,
    }


class PPO(OnPolicy, ppo.PPO):
    """Proximal policy optimisation; see `PPOConfig`."""

    def __init__(self, config: PPOConfig, device: str) -> None:
        self.rollout = config.n_steps
        super().__init__(
            **_shared(config),
            batch_size=config.batch_size,
            n_epochs=config.n_epochs,
            clip_range=config.clip_range,
            device=device,
        )

    def _steps(self, environments: int) -> int:
        return max(self.rollout // environments, 2 // environments, 1)


class A2C(OnPolicy, a2c.A2C):
    """Advantage actor-critic; see `A2CConfig`."""

    def __init__(self, config: A2CConfig, device: str) -> None:
        self.rollout = config.n_steps
        super().__init__(**_shared(config), device=device)

    def _steps(self, environments: int) -> int:  # noqa: ARG002 -- n-step returns do not depend on it
        return self.rollout
