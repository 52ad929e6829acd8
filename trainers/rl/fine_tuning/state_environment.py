"""The trading environment as a policy of states sees it: 34 numbers at each close, and hold, buy or sell to choose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pandas as pd
from gymnasium import spaces
from numpy.typing import NDArray

from config.errors import NightdeskError
from data_pipeline.actions import CHOICES
from data_pipeline.bars.bars import Bars
from data_pipeline.policy_states.portfolio import Holding
from data_pipeline.policy_states.states import NAMES, WARM_UP, MarketStates
from trainers.rl.environments.config import TradingEnvConfig
from trainers.rl.environments.environment import TradingEnvironment
from trainers.rl.environments.market import LIMIT, Market

Singles = NDArray[np.float32]
# The strength of a buy or a sell in a state.
Strength = Callable[[Singles], float]
_DAY = pd.Timedelta(days=1).value


def playable_config(config: TradingEnvConfig) -> TradingEnvConfig:
    """The account and reward of `config`, with exact weights as actions; what it observes is replaced by states."""
    changes = {"windowed": (), "features": ("log_return",), "actions": "continuous", "min_change": 0.0}
    return config.model_copy(update=changes)


class StateEnvironment(gymnasium.Env[Singles, Any]):
    """Episodes of a `TradingEnvironment` on one symbol, with its accounting, costs and rewards.

    A buy goes long by the strength in its state unless the account is long already; a sell exits, or goes short
    likewise where the config allows `short`; a hold keeps the target.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 -- gymnasium's own declaration

    def __init__(self, bars: Bars, states: MarketStates, strength: Strength, config: TradingEnvConfig) -> None:
        _require_states(bars, states)
        market = Market.of(bars, playable_config(config)).decided_from(WARM_UP)
        self.trading = TradingEnvironment(market)
        self.observation_space: spaces.Space[Singles] = spaces.Box(-LIMIT, LIMIT, (len(NAMES),), np.float32)
        self.action_space: spaces.Space[Any] = spaces.Discrete(len(CHOICES.strengths))
        self._states, self._strength, self._short = states, strength, config.short
        self._times = states.times.as_unit("ns").asi8

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Singles, dict[str, Any]]:
        """Begin the next episode, flat."""
        super().reset(seed=seed)
        _, info = self.trading.reset(seed=seed, options=options)
        self._bar = int(self.trading.episode["bar"])
        self._side, self._target, self._traded = 0.0, 0.0, -1
        return self._observed(), info

    def step(self, action: Any) -> tuple[Singles, float, bool, bool, dict[str, Any]]:
        """Play the next bar with the target of `action`."""
        before, side = self._target, float(CHOICES.strength(int(action)))
        if side < 0.0 and not self._short:
            side, turns = 0.0, self._side > 0.0
        else:
            turns = side not in {0.0, self._side}
        if turns:
            self._side = side
            self._target = side * self._strength(self._state) if side else 0.0
        if self._target != before:
            self._traded = self._bar
        _, reward, terminated, truncated, info = self.trading.step(np.array([self._target], np.float32))
        self._bar += 1
        return self._observed(), reward, terminated, truncated, info

    def _observed(self) -> Singles:
        days = np.inf if self._traded < 0 else (self._times[self._bar] - self._times[self._traded]) / _DAY
        row = self._states.row(Holding.of(self._target, days), self._bar)
        self._state: Singles = np.clip(row, -LIMIT, LIMIT).astype(np.float32)
        return self._state.copy()


def _require_states(bars: Bars, states: MarketStates) -> None:
    """Raise unless there is a state at the close of every bar after the warm-up."""
    if len(states) != len(bars) or not np.isfinite(states.values[WARM_UP:]).all():
        raise NightdeskError(
            "environment.states",
            f"{bars.symbol} has {len(bars)} bars and {len(states)} states, or a state that is not finite after the "
            f"first {WARM_UP}.",
            "Build the states of these very bars: data_pipeline.offline.experiences.market_states.",
        )
