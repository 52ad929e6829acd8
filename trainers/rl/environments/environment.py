"""The trading environment: a gymnasium environment with one account, on one symbol per episode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium import spaces

from trainers.rl.environments.config import TradingEnvConfig
from trainers.rl.environments.episode_records import (
    EpisodeRecords,
    action_space,
    not_begun,
    observation_space,
    unplayable,
)
from trainers.rl.environments.kernels import NOT_BEGUN, TERMINATED, UNPLAYABLE, Singles, play
from trainers.rl.environments.market import Market, PriceData

if TYPE_CHECKING:
    from trainers.rl.environments.vector_environment import VectorTradingEnvironment

_ITSELF = np.ones(1, np.bool_)
_SINGLE = (np.ndarray, np.generic, list, tuple)


class TradingEnvironment(gymnasium.Env[Singles, Any]):
    """At each close the action is the target position over the next bar; the reward is its outcome after all costs.

    `price_data` is Bars, a frame (open, high, low, close, volume, and dividends if any, which are paid in cash: give
    none with prices that are adjusted for them), or a mapping of many by symbol. An observation is the window of
    `windowed` features, oldest bar first, then `features`, then the account (`kernels.PORTFOLIO`). When an episode
    ends, `info["episode"]` holds its summary.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 -- gymnasium's own declaration

    def __init__(self, price_data: PriceData | Market, config: TradingEnvConfig | None = None) -> None:
        if isinstance(price_data, Market):
            self.market = price_data
        else:
            self.market = Market.of(price_data, config or TradingEnvConfig())
        self.config = self.market.config
        self.observation_space: spaces.Space[Singles] = observation_space(self.market)
        self.action_space: spaces.Space[Any] = action_space(self.config)
        self._episodes = EpisodeRecords(self.market, 1)
        # Cached, since every step uses them.
        self._records, self._arrays, self._size = self._episodes.records, self.market.arrays, self.observation_space_dim

    @property
    def observation_space_dim(self) -> int:
        """How many numbers an observation has."""
        return self.market.observation_size

    @property
    def action_space_dim(self) -> int:
        """1, or the number of choices where actions are discrete."""
        return int(self.action_space.n) if isinstance(self.action_space, spaces.Discrete) else 1

    @property
    def longest_episode(self) -> int:
        """The most bars that an episode can have."""
        return self.market.longest_episode

    @property
    def episode(self) -> dict[str, Any]:
        """The account and the sums of the episode that is played, by the names of `kernels.EPISODE`."""
        return self._episodes.as_dict(0)

    def vectorised(self, n: int, seed: int | None = None) -> VectorTradingEnvironment:
        """`n` of these environments at once; number i equals this one with the seed `seed + i`."""
        from trainers.rl.environments.vector_environment import VectorTradingEnvironment  # noqa: PLC0415 -- stable-baselines3 is slow

        return VectorTradingEnvironment(self.market, n, seed=seed)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Singles, dict[str, Any]]:
        """Begin the next episode; `options` may name its `symbol` and its `start`, one of the symbol's bars from 0."""
        super().reset(seed=seed)
        if seed is not None:
            self._episodes.reseed(0, seed)
        observations = np.empty((1, self._size), np.float32)
        self._episodes.begin(_ITSELF, observations)
        if options:
            self._episodes.begin_at(0, **options)
            observations = self._episodes.observations()
        episode = self.episode
        symbol = episode["symbol"]
        start = episode["bar"] - self.market.begins[symbol]
        return observations[0], {"symbol": self.market.symbols[symbol], "start": start}

    def _number(self, action: Any) -> float:
        try:
            return np.asarray(action).item() if isinstance(action, _SINGLE) else float(action)
        except (TypeError, ValueError):
            unplayable(action, self.config)

    def step(self, action: Any) -> tuple[Singles, float, bool, bool, dict[str, Any]]:
        """Play the next bar with the target position of `action`."""
        observation = np.empty(self._size, np.float32)
        number = action if type(action) is int else self._number(action)
        reward, ended = play(self._records, number, observation, *self._arrays)
        if not ended:
            return observation, reward, False, False, {}
        if ended == NOT_BEGUN:
            not_begun()
        if ended == UNPLAYABLE:
            unplayable(action, self.config)
        return (
            observation,
            reward,
            ended == TERMINATED,
            ended != TERMINATED,
            {"episode": self._episodes.summaries(_ITSELF)[0]},
        )
