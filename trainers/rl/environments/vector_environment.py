"""Many trading environments as one vector environment: one compiled call plays a bar of all of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

import numpy as np
from gymnasium import Wrapper
from numpy.typing import NDArray
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv

from trainers.rl.environments.episode_records import (
    EpisodeRecords,
    action_space,
    fail,
    not_begun,
    observation_space,
    unplayable,
)
from trainers.rl.environments.kernels import EPISODE, GOING, TRUNCATED, Singles, play_all
from trainers.rl.environments.market import Market

Infos = list[dict[str, Any]]
Indices = None | int | Iterable[int]


class VectorTradingEnvironment(VecEnv):
    """`n` environments on one market; number i equals a `TradingEnvironment` with the seed `seed + i`, to the last bit.

    As in every VecEnv an episode that ends is followed by the next at once: the observation is the next one's first,
    and the info of that environment holds `terminal_observation`, `TimeLimit.truncated` and `episode`.
    """

    render_mode: str | None = None

    def __init__(self, market: Market, n: int, seed: int | None = None) -> None:
        if n < 1:
            fail("size", f"The number of environments is {n}.", "Give at least 1.")
        self.market = market
        super().__init__(n, observation_space(market), action_space(market.config))
        self._episodes = EpisodeRecords(market, n)
        self._arrays = market.arrays
        self._all, self._size, self._dtype = np.ones(n, np.bool_), (n, market.observation_size), self.action_space.dtype
        self._actions = np.zeros(n, self._dtype)
        self._nothing: Infos = [{} for _ in range(n)]
        self.seed(seed)

    def reset(self) -> Singles:
        """Begin the next episode of every environment, by the seeds and options that were set before."""
        observations = np.empty(self._size, np.float32)
        for i, seed in enumerate(self._seeds):
            if seed is not None:
                self._episodes.reseed(i, seed)
        self._episodes.begin(self._all, observations)
        for i, options in enumerate(self._options):
            if options:
                self._episodes.begin_at(i, **options)
        self._reset_seeds()
        self._reset_options()
        return self.observations()

    def step_async(self, actions: NDArray[Any]) -> None:
        """Take one action for each environment."""
        try:
            self._actions = np.asarray(actions).reshape(self.num_envs)
            if self._actions.dtype is not self._dtype:
                self._actions = self._actions.astype(np.float64)
        except (TypeError, ValueError):
            fail("action", f"The actions are {actions!r}.", f"Give {self.num_envs} numbers, one for each environment.")

    def step_wait(self) -> tuple[Singles, Singles, NDArray[np.bool_], Infos]:
        """Play one bar of every environment."""
        observations = np.empty(self._size, np.float32)
        rewards, dones = np.empty(self.num_envs, np.float32), np.empty(self.num_envs, np.bool_)
        count = play_all(self._episodes.records, self._actions, observations, rewards, dones, *self._arrays)
        if count == 0:
            return observations, rewards, dones, self._nothing
        if count < 0:
            self._refuse(-1 - count)
        return observations, rewards, dones, self._begin_next(observations, dones)

    def _refuse(self, i: int) -> NoReturn:
        if self._episodes.records["ended"][i] != GOING:
            not_begun()
        unplayable(self._actions[i], self.market.config)

    def _begin_next(self, observations: Singles, dones: NDArray[np.bool_]) -> Infos:
        """Begin the episodes after those that ended; returns the infos of those."""
        infos, ended = list(self._nothing), np.flatnonzero(dones)
        truncated = self._episodes.records["ended"][ended] == TRUNCATED
        summaries = zip(observations[ended], truncated.tolist(), self._episodes.summaries(ended), strict=True)
        for i, (observation, cut, episode) in zip(ended.tolist(), summaries, strict=True):
            infos[i] = {"terminal_observation": observation, "TimeLimit.truncated": cut, "episode": episode}
        self._episodes.begin(dones, observations)
        return infos

    def observations(self) -> Singles:
        """The present observation of each environment, as of the last `reset` or `step`."""
        return self._episodes.observations()

    def get_state(self) -> dict[str, NDArray[Any]]:
        """The complete state of these environments, by the names of `kernels.EPISODE`."""
        return {name: self._episodes.records[name].copy() for name in EPISODE.names or ()}

    def set_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Restore a state of `get_state`."""
        records = np.zeros(self.num_envs, EPISODE)
        for name in EPISODE.names or ():
            values = state.get(name)
            if values is None or values.shape != (self.num_envs,) or values.dtype != EPISODE[name]:
                fail("state", f"The state has no {name} of {self.num_envs} environments.", "Give what get_state gave.")
            records[name] = values
        self._check_rows(records)
        self._episodes.records = records

    def _check_rows(self, records: NDArray[Any]) -> None:
        """Refuse a state whose symbols or bars are not in this market."""
        going = records[records["ended"] == GOING]
        if not np.isin(going["symbol"], np.arange(len(self.market.symbols))).all():
            fail("state", "The state is of symbols that are not in this market.", "Give the same price_data as then.")
        rules = self.market.rules[going["symbol"]]
        within = (rules["first"] <= going["bar"]) & (going["bar"] < going["last"]) & (going["last"] <= rules["last"])
        if not within.all():
            fail("state", "The state is of bars that are not in this market.", "Give the same price_data as then.")

    def close(self) -> None:
        """There is nothing to close."""

    def get_attr(self, attr_name: str, indices: Indices = None) -> list[Any]:
        """An attribute, which is the same for all environments."""
        return [getattr(self, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Indices = None) -> None:  # noqa: ARG002
        """Environments on one market have nothing of their own to set."""
        fail("attribute", f"{attr_name} cannot be set for single environments.", "Make environments of another config.")

    def env_method(self, method_name: str, *_args: Any, indices: Indices = None, **_named: Any) -> list[Any]:  # noqa: ARG002
        """Environments on one market have no methods of their own."""
        fail("attribute", f"{method_name} cannot be called on single environments.", "Call it on this one.")

    def env_is_wrapped(self, wrapper_class: type[Wrapper], indices: Indices = None) -> list[bool]:
        """Whether they report episodes as a Monitor does; they are wrapped in nothing else."""
        return [issubclass(wrapper_class, Monitor) for _ in self._get_indices(indices)]
