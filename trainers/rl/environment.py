"""The trading environment: one account on one symbol after another, for whoever speaks gymnasium."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NoReturn

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from config.errors import NightdeskError
from trainers.rl.environment_config import TradingEnvConfig
from trainers.rl.episodes import (
    EPISODE,
    NOT_BEGUN,
    TERMINATED,
    TRUNCATED,
    Singles,
    begin_all,
    begin_at,
    observe_all,
    play,
)
from trainers.rl.market import LIMIT, Market, PriceData

if TYPE_CHECKING:
    from trainers.rl.vector_environment import VectorTradingEnvironment

_ALL = np.ones(1, np.bool_)


def fail(code: str, what: str, cure: str) -> NoReturn:
    """Raise `environment.<code>`."""
    raise NightdeskError(f"environment.{code}", what, cure)


def observation_space(market: Market) -> spaces.Space[Any]:
    """The space of a market's observations."""
    return spaces.Box(-LIMIT, LIMIT, (market.observation_size,), np.float32)


def action_space(config: TradingEnvConfig) -> spaces.Space[Any]:
    """Target weights, or one of short (if allowed), flat, long."""
    if config.actions == "discrete":
        return spaces.Discrete(2 + config.short)
    return spaces.Box(-1.0, 1.0, (1,), np.float32)


def unbegun(count: int, seeds: list[int]) -> NDArray[Any]:
    """Environments that stand before their first episode."""
    episodes = np.zeros(count, EPISODE)
    episodes["ended"] = NOT_BEGUN
    for episode, seed in zip(episodes, seeds, strict=True):
        reseed(episode, seed)
    return episodes


def reseed(episode: Any, seed: int) -> None:
    """Let the randomness, and the turn of the symbols, begin anew from a seed."""
    episode["random"], episode["symbol"] = seed % 2**64, seed % 2**31 - 1


def unplayable(action: Any, space: spaces.Space[Any]) -> NoReturn:
    """Refuse an action that is none."""
    if isinstance(space, spaces.Discrete):
        fail("action", f"The action is {action!r}.", f"Give a whole number from 0 to {space.n - 1}.")
    fail("action", f"The action is {action!r}.", "Give one finite number, the weight to hold from -1 to 1.")


def not_begun() -> NoReturn:
    """Refuse to play where there is no episode."""
    fail("not_begun", "There is no episode to play: none was begun, or it has ended.", "Call reset() first.")


def begin_chosen(
    episodes: NDArray[Any], market: Market, symbol: str | None = None, start: int | None = None, **unknown: Any
) -> None:
    """Let the one episode begin on this symbol, at this of its bars; where neither is told, as it has begun."""
    if unknown:
        fail("option", f"There is no option {next(iter(unknown))!r} of a reset.", "Give symbol, start or both.")
    if symbol is not None and symbol not in market.symbols:
        fail("option", f"There is no symbol {symbol!r} here.", f"Choose from {', '.join(market.symbols)}.")
    if symbol is None and start is None:
        return
    row = int(episodes["symbol"][0]) if symbol is None else market.symbols.index(symbol)
    rule, begin = market.rules[row], market.begins[row]
    first, last = int(rule["first"]) - begin, int(rule["last"]) - begin - 1
    start = first if start is None else start
    if not first <= start <= last:
        fail("option", f"No episode can start at bar {start!r}.", f"Choose a bar from {first} to {last}.")
    begin_at(episodes[0], row, begin + start, rule)


def summary(episode: Any, market: Market) -> dict[str, Any]:
    """An episode in figures; returns and drawdown in percent, as everywhere; `r` and `l` as Monitor names them."""
    symbol = int(episode["symbol"])
    return {
        "r": float(episode["rewards"]),
        "l": int(episode["bars"]),
        "total_return": 100.0 * float(episode["equity"] / market.config.initial_balance - 1.0),
        "sharpe": _sharpe(episode, market.periods_per_year[symbol]),
        "max_drawdown": -100.0 * float(episode["fallen"]),
        "trades": int(episode["trades"]),
        "wins": int(episode["wins"]),
        "symbol": market.symbols[symbol],
    }


def _sharpe(episode: Any, periods_per_year: float | None) -> float | None:
    """Mean by standard deviation of the returns beyond idle cash, annualised where the bars of a year are known."""
    n, gained = int(episode["bars"]), float(episode["gained"])
    if n < 2 or (variance := (float(episode["squares"]) - gained**2 / n) / (n - 1)) <= 0.0:
        return None
    return gained / n / math.sqrt(variance) * math.sqrt(periods_per_year or 1.0)


class TradingEnvironment(gymnasium.Env[Singles, Any]):
    """Decide at each close what to hold over the next bar; the reward is what came of it, net of every cost.

    `price_data` is Bars, a frame (open, high, low, close, volume, and dividends if any), or a mapping of many by
    symbol. An observation is the window of `windowed` features, oldest bar first, then `features`, then the account
    (`episodes.PORTFOLIO`). `reset(options={"symbol": ..., "start": ...})` chooses the episode, `start` counting the
    symbol's bars from 0.
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
        self._size = self.market.observation_size
        self._arrays = self.market.arrays
        self._discrete = self.config.actions == "discrete"
        self._episodes = unbegun(1, [int(np.random.SeedSequence().generate_state(1, np.uint64)[0])])

    @property
    def observation_space_dim(self) -> int:
        """How many numbers an observation has."""
        return self._size

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
        """The account and the sums of the episode that is played, by the names of `episodes.EPISODE`."""
        return dict(zip(EPISODE.names or (), self._episodes[0].item(), strict=True))

    def vectorised(self, n: int, seed: int | None = None) -> VectorTradingEnvironment:
        """`n` of these environments at once; number i equals this one with the seed `seed + i`."""
        from trainers.rl.vector_environment import VectorTradingEnvironment  # noqa: PLC0415 -- it builds on this file

        return VectorTradingEnvironment(self.market, n, seed=seed)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Singles, dict[str, Any]]:
        """Begin the next episode: the next one drawn, or the one that `options` name."""
        super().reset(seed=seed)
        if seed is not None:
            reseed(self._episodes[0], seed)
        observation = np.empty((1, self._size), np.float32)
        begin_all(self._episodes, _ALL, observation, *self._arrays)
        if options:
            begin_chosen(self._episodes, self.market, **options)
            observe_all(self._episodes, observation, *self._arrays)
        symbol = int(self._episodes["symbol"][0])
        start = int(self._episodes["bar"][0]) - self.market.begins[symbol]
        return observation[0], {"symbol": self.market.symbols[symbol], "start": start}

    def step(self, action: Any) -> tuple[Singles, float, bool, bool, dict[str, Any]]:
        """Hold what `action` asks for over the next bar."""
        observation = np.empty(self._size, np.float32)
        try:
            asked = float(action) if self._discrete else action.item()
        except (AttributeError, TypeError, ValueError):
            unplayable(action, self.action_space)
        reward, ended = play(self._episodes, asked, observation, *self._arrays)
        if not ended:
            return observation, reward, False, False, {}
        if ended == NOT_BEGUN:
            not_begun()
        if ended not in {TERMINATED, TRUNCATED}:
            unplayable(action, self.action_space)
        info = {"episode": summary(self._episodes[0], self.market)}
        return observation, reward, ended == TERMINATED, ended == TRUNCATED, info
