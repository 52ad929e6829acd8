"""RLAgent: one interface to train, run and store an agent of any algorithm."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.utils import safe_mean
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecMonitor, is_vecenv_wrapped

from config.errors import NightdeskError, UsageError
from trainers.rl.agents.algorithms.base import Algorithm
from trainers.rl.agents.checkpoint import Checkpoint, write_checkpoint
from trainers.rl.agents.configs import AgentConfig
from trainers.rl.agents.file import AgentDescription, fitting, read_agent, write_agent
from trainers.rl.agents.randomness import Randomness
from trainers.rl.agents.specs import ActionKind, agent_spec, agents_with
from trainers.rl.environments.environment import TradingEnvironment
from trainers.rl.environments.spaces import BoxActions, actions_of, observations_of, require_same
from trainers.rl.serving.policy import CLIP, PolicyLayers


class RLAgent:
    """One agent: an algorithm of stable-baselines3 behind the interface of this project.

    It has its own random generators, independent of all others in the process.
    """

    def __init__(
        self,
        agent_type: str,
        config: AgentConfig,
        state_dim: int,
        action_space: gymnasium.Space[Any],
        *,
        seed: int = 0,
        device: str = "auto",
    ) -> None:
        self.agent_type, self._spec = agent_type, agent_spec(agent_type)
        self.observation_space = observations_of(state_dim)
        self.actions = actions_of(action_space)
        self.action_space = self.actions.space()
        self._require_actions()
        self._randomness = Randomness(seed)
        # Networks this small are faster on a CPU, and only there are results repeatable to the last bit.
        self._device = "cpu" if device == "auto" else device
        self._env: gymnasium.Env[Any, Any] | VecEnv | None = None
        self.config, self.algorithm = config, self._build(config)

    def _require_actions(self) -> None:
        kind: ActionKind = "continuous" if isinstance(self.action_space, spaces.Box) else "discrete"
        if kind not in self._spec.actions:
            discrete, continuous = (", ".join(agents_with(each)) for each in ("discrete", "continuous"))
            raise NightdeskError(
                "agent.action_space",
                f"The agent {self.agent_type} cannot act by {self.actions}.",
                f"For choices use one of {discrete}; for numbers within bounds one of {continuous}.",
            )

    def _build(self, config: AgentConfig) -> Algorithm:
        module, _, name = self._spec.algorithm.partition(":")
        algorithm: Algorithm = getattr(import_module(module), name)(config, self._device)
        with self._randomness.active(), fast_torch():  # initial weights depend on the number of threads
            algorithm.begin(config, self.observation_space, self.action_space)
        return algorithm

    @property
    def device(self) -> str:
        """The torch device of its networks."""
        return str(self.algorithm.device)

    @property
    def updates(self) -> int:
        """Gradient updates since its training began."""
        return self.algorithm._n_updates  # noqa: SLF001 -- stable-baselines3 has no public name for it

    def configure(self, **changes: Any) -> None:
        """Change the config; the weights stay, and the next training begins anew."""
        config = type(self.config).model_validate(self.config.model_dump() | changes)
        for field in config.architecture:
            if getattr(config, field) != getattr(self.config, field):
                raise UsageError(
                    "agent.other_architecture",
                    f"{field} of an agent cannot be changed from {getattr(self.config, field)}.",
                    "Create another agent.",
                )
        self._replace_algorithm(config, self.algorithm.tensors())

    def _replace_algorithm(self, config: AgentConfig, weights: dict[str, torch.Tensor]) -> None:
        algorithm = self._build(config)
        algorithm.load_tensors(weights)
        self.config, self.algorithm = config, algorithm

    def train(
        self,
        env: gymnasium.Env[Any, Any] | VecEnv,
        total_timesteps: int,
        callback: BaseCallback | None = None,
        seed: int | None = None,
        *,
        reset: bool = True,
    ) -> dict[str, Any]:
        """Play and learn for `total_timesteps` steps of all environments together.

        With `reset` a new training begins: counters, schedules, replay memory and momentum are reset, the weights stay.
        Without it the last training, or that of a loaded checkpoint, goes on for as many steps more. A `seed` reseeds
        all its random generators. If `callback` raises, the agent remains usable in the state it had then.
        """
        vector = self._training_env(env)
        self.algorithm.attach(vector)
        with self._randomness.active(), fast_torch():
            if seed is not None:
                self._randomness.seed(seed)
                vector.seed(seed)
            if reset:
                self.algorithm.reset_training()
            self.algorithm.learn(total_timesteps, callback, log_interval=10, reset_num_timesteps=reset)
        self.require_finite()
        return self._facts()

    def require_finite(self) -> None:
        """Raise if the training has diverged: a weight is not a finite number."""
        if not all(torch.isfinite(tensor).all() for tensor in self.algorithm.tensors().values()):
            raise NightdeskError(
                "agent.diverged",
                f"The weights of the {self.agent_type} agent are no longer finite numbers.",
                "Create it again, with a lower learning_rate or rewards of a smaller scale.",
            )

    def _training_env(self, env: gymnasium.Env[Any, Any] | VecEnv) -> VecEnv:
        """The vector environment for `env`, reused as long as `env` is the same object."""
        if env is not self._env:
            vector = vectorised(env)
            require_same(self.observation_space, self.actions, vector)
            self._env, self._vector = env, vector
        return self._vector

    def _facts(self) -> dict[str, Any]:
        """The steps and updates of the training, and means over its last hundred episodes."""
        algorithm = self.algorithm
        episodes = list(algorithm.ep_info_buffer or ())
        return {
            "timesteps": algorithm.num_timesteps,
            "updates": self.updates,
            "reward": float(safe_mean([episode["r"] for episode in episodes])) if episodes else None,
            "length": float(safe_mean([episode["l"] for episode in episodes])) if episodes else None,
        }

    def select_action(self, observation: ArrayLike, deterministic: bool = True) -> Any:
        """The action on one observation or a batch of them; an int or an array of ints for discrete actions.

        Without `deterministic` it is sampled from the policy. td3 and ddpg have a deterministic policy, so that their
        action is the same; their exploration noise is added in training only.
        """
        rows = self._checked(observation)
        with nullcontext() if deterministic else self._randomness.active():
            actions, _ = self.algorithm.predict(rows.reshape(-1, rows.shape[-1]), deterministic=deterministic)
        if rows.ndim == 1:
            return int(actions[0]) if isinstance(self.action_space, spaces.Discrete) else actions[0]
        return actions

    def _checked(self, observation: ArrayLike) -> NDArray[np.float32]:
        rows = np.asarray(observation, dtype=np.float32)
        size = cast("tuple[int]", self.observation_space.shape)[0]
        if rows.ndim not in {1, 2} or rows.shape[-1] != size or not len(rows):
            raise NightdeskError(
                "agent.observation",
                f"An observation has {size} numbers, and this one the shape {rows.shape}.",
                f"Give one observation of {size} numbers, or a batch of them row by row.",
            )
        if not np.isfinite(rows).all():
            raise NightdeskError(
                "agent.observation",
                f"The observation holds {np.count_nonzero(~np.isfinite(rows))} numbers that are not finite.",
                "Give the agent only bars whose features are defined.",
            )
        return rows

    def layers(self) -> PolicyLayers:
        """The deterministic actor as arrays, for a `CompiledPolicy`."""
        actor = self.algorithm.deterministic_actor()
        normaliser = self.algorithm.normaliser
        return PolicyLayers(
            _array(normaliser.mean),
            _array(normaliser.std),
            [(_array(weight.T), _array(bias)) for weight, bias in actor.linears],
            actor.activation,
            actor.head,
            clip=CLIP if self.config.normalise_observations else np.inf,
            low=self.actions.low[0] if isinstance(self.actions, BoxActions) else -1.0,
            high=self.actions.high[0] if isinstance(self.actions, BoxActions) else 1.0,
            temperature=actor.temperature,
        )

    def describe(self) -> AgentDescription:
        """The description of this agent for a file."""
        return AgentDescription(
            agent_type=self.agent_type,
            config=self.config.model_dump(mode="json"),
            inputs=cast("tuple[int]", self.observation_space.shape)[0],
            actions=self.actions,
        )

    def save(self, path: str | Path) -> None:
        """Publish config, spaces and weights as one safetensors file, whatever the suffix."""
        write_agent(Path(path), self.describe(), self.algorithm.tensors())

    def load(self, path: str | Path) -> None:
        """Load a file of `save`, config included; if it is invalid, this agent stays unchanged."""
        config, tensors = read_agent(Path(path), self.describe())
        self._replace_algorithm(config, fitting(Path(path).name, tensors, self.algorithm.tensors()))

    def save_checkpoint(self, folder: str | Path) -> None:
        """Publish the complete state of the training in `folder`, in place of an older checkpoint there.

        It is exact between two rollouts: after `train`, or in the callback's `on_rollout_start`.
        """
        write_checkpoint(Path(folder), self.describe(), self.algorithm, self._randomness)

    def load_checkpoint(self, folder: str | Path, env: gymnasium.Env[Any, Any] | VecEnv) -> None:
        """Restore the state of `save_checkpoint`; `train(..., reset=False)` goes on from there.

        The result is the same to the last bit if the environments have `get_state`; others begin new episodes.
        """
        checkpoint = Checkpoint(Path(folder), self.describe())
        vector, algorithm = self._training_env(env), self._build(checkpoint.config)
        checkpoint.restore(algorithm, self._randomness, vector)
        self.config, self.algorithm = checkpoint.config, algorithm


def vectorised(env: gymnasium.Env[Any, Any] | VecEnv) -> VecEnv:
    """The environment as a vector environment of stable-baselines3 that reports its episodes."""
    if isinstance(env, VecEnv):
        monitored = is_vecenv_wrapped(env, VecMonitor) or all(env.env_is_wrapped(Monitor))
        return env if monitored else VecMonitor(env)
    if isinstance(env, TradingEnvironment):
        return env.vectorised(1)
    return DummyVecEnv([lambda: Monitor(env)])


@contextmanager
def fast_torch() -> Iterator[None]:
    """Torch settings for small networks: one thread, and no validation of distributions."""
    threads, distribution = torch.get_num_threads(), torch.distributions.Distribution
    checked = distribution._validate_args  # noqa: SLF001 -- torch lets it be set, not asked
    torch.set_num_threads(1)
    distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        distribution.set_default_validate_args(checked)


def _array(tensor: torch.Tensor) -> NDArray[np.float32]:
    return np.array(tensor.detach().cpu().numpy(), dtype=np.float32, order="C")
