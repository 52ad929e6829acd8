"""The simplest task to learn: repeat the observation. Many games at once, in numpy, whose state can be read."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv

LENGTH = 20


class Identity(VecEnv):
    """Each observation is one of three choices, one-hot, or a number in [-1, 1] (`continuous`), to be repeated.

    Repeating it earns 1 a step; for a number, less by the error. A game is cut off after `LENGTH` steps.
    """

    render_mode: str | None = None

    def __init__(self, n: int, *, continuous: bool) -> None:
        self.continuous = continuous
        actions = spaces.Box(-1.0, 1.0, (1,)) if continuous else spaces.Discrete(3)
        super().__init__(n, spaces.Box(-np.inf, np.inf, (1 if continuous else 3,)), actions)
        self.generator = np.random.default_rng(0)
        self.shown, self.played, self.earned = np.zeros(n), np.zeros(n, np.int64), np.zeros(n)

    def _show(self) -> np.ndarray:
        n = self.num_envs
        drawn = self.generator.uniform(-1, 1, n)
        self.shown = drawn if self.continuous else ((drawn + 1) * 1.5).astype(np.int64)
        return self._observations()

    def _observations(self) -> np.ndarray:
        rows = self.shown[:, None] if self.continuous else np.eye(3)[self.shown]
        return rows.astype(np.float32)

    def reset(self) -> np.ndarray:
        if self._seeds[0] is not None:
            self.generator = np.random.default_rng(self._seeds[0])
        self._reset_seeds()
        self.played[:], self.earned[:] = 0, 0.0
        return self._show()

    def step_async(self, actions: np.ndarray) -> None:
        self.actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        answers = self.actions.reshape(self.num_envs)
        rewards = (1.0 - np.abs(answers - self.shown) if self.continuous else answers == self.shown).astype(np.float32)
        self.played += 1
        self.earned += rewards
        dones = self.played == LENGTH
        observations = self._show()
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for i in np.flatnonzero(dones):
            infos[i] = {
                "terminal_observation": observations[i].copy(),
                "TimeLimit.truncated": True,
                "episode": {"r": float(self.earned[i]), "l": LENGTH},
            }
        self.played[dones], self.earned[dones] = 0, 0.0
        return observations, rewards, dones, infos

    def get_state(self) -> dict[str, np.ndarray]:
        state = self.generator.bit_generator.state["state"]
        words = [state[name] >> shift & (2**64 - 1) for name in ("state", "inc") for shift in (0, 64)]
        return {
            "words": np.array(words, dtype=np.uint64),
            "shown": self.shown.copy(),
            "played": self.played.copy(),
            "earned": self.earned.copy(),
        }

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        low, high, inc_low, inc_high = (int(word) for word in state["words"])
        self.generator.bit_generator.state = {
            "bit_generator": "PCG64",
            "state": {"state": low | high << 64, "inc": inc_low | inc_high << 64},
            "has_uint32": 0,
            "uinteger": 0,
        }
        self.shown, self.played, self.earned = (state[name].copy() for name in ("shown", "played", "earned"))

    def close(self) -> None:
        """Nothing is held open."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        setattr(self, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        return [getattr(self, method_name)(*args, **kwargs)]

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [issubclass(wrapper_class, Monitor) for _ in self._get_indices(indices)]
