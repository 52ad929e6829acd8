"""A trading environment as a policy with 34-number states sees it: hold, buy and sell instead of a target position."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np

from config.errors import NightdeskError
from data_pipeline.actions import CHOICES
from data_pipeline.bars.bars import Bars
from data_pipeline.policy_states.portfolio import Holding
from data_pipeline.policy_states.states import MarketStates
from evaluation.signals import Sell
from trainers.rl.environments.config import TradingEnvConfig
from trainers.rl.environments.environment import TradingEnvironment
from trainers.rl.environments.kernels import Singles
from trainers.rl.environments.market import Market
from trainers.rl.environments.spaces import DiscreteActions, observations_of

# What the environment within observes, which nobody looks at.
_OBSERVED = {"window_size": 1, "windowed": (), "features": ("log_return",)}
# How large a buy or a sell is, from the state in which it is decided.
Strength = Callable[[Singles], float]


class StateEnvironment(gymnasium.Env[Singles, Any]):
    """One symbol's episodes of a `TradingEnvironment`, with the same fills, costs and rewards.

    The choice 0 holds the position. 1 buys: from flat or short it goes long by the strength. 2 sells: from long it
    exits, or goes short by the strength. A buy while long or a sell while short changes nothing. The account in a state
    is that of the targets decided so far, as in the rows that a policy is cloned from.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 -- gymnasium's own declaration

    def __init__(
        self,
        bars: Bars,
        states: MarketStates,
        strength: Strength,
        config: TradingEnvConfig | None = None,
        sell: Sell = "exit",
    ) -> None:
        required = {"actions": "continuous", "min_change": 0.0, "short": sell == "short", **_OBSERVED}
        played = TradingEnvConfig.model_validate((config or TradingEnvConfig()).model_dump() | required)
        self._market = TradingEnvironment(Market.of(bars, played).decided_from(_first_known(bars, states)), played)
        self._states, self._strength, self._sell = states, strength, sell
        self._days = states.times.as_unit("ns").asi8 / 86_400e9
        self.observation_space: gymnasium.Space[Singles] = observations_of(states.values.shape[1])
        self.action_space: gymnasium.Space[Any] = DiscreteActions(n=len(CHOICES.strengths)).space()
        self._begin_at(0)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Singles, dict[str, Any]]:
        """Begin the next episode, flat."""
        super().reset(seed=seed)
        _, info = self._market.reset(seed=seed, options=options)
        self._begin_at(int(info["start"]))
        return self._state, info

    def step(self, action: Any) -> tuple[Singles, float, bool, bool, dict[str, Any]]:
        """Play the next bar with the position that the choice comes to."""
        target = self._target(CHOICES.strength(int(action)).item())
        if target != self._position:
            self._traded_at, self._position = self._bar, target
        _, reward, terminated, truncated, info = self._market.step(target)
        self._bar += 1
        self._state = self._observed()
        return self._state, float(reward), bool(terminated), bool(truncated), info

    def _begin_at(self, bar: int) -> None:
        self._bar, self._position, self._traded_at = bar, 0.0, -1
        self._state = self._observed()

    def _target(self, way: float) -> float:
        """The position after a choice: 0 hold, above 0 buy, below 0 sell."""
        side = np.sign(self._position)
        wanted = side if way == 0.0 else max(way, 0.0) if self._sell == "exit" else way
        return self._position if wanted == side else float(wanted * self._strength(self._state))

    def _observed(self) -> Singles:
        days = np.inf if self._traded_at < 0 else self._days[self._bar] - self._days[self._traded_at]
        return self._states.row(Holding.of(self._position, days), self._bar).astype(np.float32)


def _first_known(bars: Bars, states: MarketStates) -> int:
    """The first bar from which on every state is known."""
    if len(states) != len(bars):
        raise NightdeskError(
            "environment.states",
            f"There are {len(states)} states for {len(bars)} bars of {bars.symbol}.",
            "Build the states from the same bars.",
        )
    unknown = np.flatnonzero(~np.isfinite(states.values).all(axis=1))
    first = int(unknown[-1]) + 1 if len(unknown) else 0
    if first >= len(bars) - 1:
        raise NightdeskError(
            "environment.too_few_bars",
            f"{bars.symbol} has {len(bars)} bars, and no state to decide on from bar {first + 1} on.",
            "Give a longer history without bars whose volume or price is missing.",
        )
    return first
