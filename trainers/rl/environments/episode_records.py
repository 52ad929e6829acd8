"""Episode records: the episodes of n environments on one market, for the Python side of both environments."""

from __future__ import annotations

import math
from typing import Any, NoReturn

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from config.errors import NightdeskError
from trainers.rl.environments.config import TradingEnvConfig
from trainers.rl.environments.kernels import EPISODE, NOT_BEGUN, Singles, begin_all, begin_at, observe_all
from trainers.rl.environments.market import LIMIT, Market

_NAMES = EPISODE.names or ()
_SUMMARY_FIELDS = ["rewards", "bars", "equity", "gained", "squares", "symbol", "fallen", "trades", "wins"]
_NOISE = 1e-12  # a standard deviation below this is a rounding error


def fail(code: str, problem: str, cure: str) -> NoReturn:
    """Raise `environment.<code>`."""
    raise NightdeskError(f"environment.{code}", problem, cure)


def observation_space(market: Market) -> spaces.Space[Any]:
    """The space of a market's observations."""
    return spaces.Box(-LIMIT, LIMIT, (market.observation_size,), np.float32)


def action_space(config: TradingEnvConfig) -> spaces.Space[Any]:
    """Target weights, or one of short (if allowed), flat, long."""
    if config.actions == "discrete":
        return spaces.Discrete(2 + config.short)
    return spaces.Box(-1.0, 1.0, (1,), np.float32)


def unplayable(action: Any, config: TradingEnvConfig) -> NoReturn:
    """Refuse an invalid action."""
    if config.actions == "discrete":
        fail("action", f"The action is {action!r}.", f"Give a whole number from 0 to {1 + config.short}.")
    fail(
        "action", f"The action is {action!r}.", "Give one finite number, the weight to hold, as an array of shape (1,)."
    )


def not_begun() -> NoReturn:
    """Refuse to play before an episode has begun."""
    fail("not_begun", "There is no episode to play: none was begun, or it has ended.", "Call reset() first.")


class EpisodeRecords:
    """`records` is an array of `EPISODE`, one of each environment; the first episodes are not begun yet."""

    def __init__(self, market: Market, n: int) -> None:
        self.market = market
        self.arrays = market.arrays
        self.records = np.zeros(n, EPISODE)
        self.records["random"] = np.random.SeedSequence().generate_state(n, np.uint64)
        self.records["symbol"] = -1
        self.records["ended"] = NOT_BEGUN

    def reseed(self, i: int, seed: int) -> None:
        """Reseed the random state of environment i, and with it the order of its symbols."""
        self.records["random"][i], self.records["symbol"][i] = seed % 2**64, seed % 2**31 - 1

    def begin(self, selected: NDArray[np.bool_], observations: Singles) -> None:
        """Begin the next episode of each selected environment, and write its first observation."""
        begin_all(self.records, selected, observations, *self.arrays)

    def begin_at(self, i: int, symbol: str | None = None, start: int | None = None, **unknown: Any) -> None:
        """Move the episode of environment i, which has just begun, to this symbol and this of its bars."""
        if unknown:
            fail("option", f"There is no option {next(iter(unknown))!r} of a reset.", "Give symbol, start or both.")
        market = self.market
        if symbol is not None and symbol not in market.symbols:
            fail("option", f"There is no symbol {symbol!r} here.", f"Choose from {', '.join(market.symbols)}.")
        row = int(self.records["symbol"][i]) if symbol is None else market.symbols.index(symbol)
        rule, begin = market.rules[row], market.begins[row]
        first, last = int(rule["first"]) - begin, int(rule["last"]) - begin - 1
        start = first if start is None else start
        if not (isinstance(start, int) and first <= start <= last):
            fail("option", f"No episode can start at bar {start!r}.", f"Choose a bar from {first} to {last}.")
        begin_at(self.records[i], row, begin + start, rule)

    def observations(self) -> Singles:
        """The observation of each environment."""
        if (self.records["ended"] == NOT_BEGUN).any():
            not_begun()
        observations = np.empty((len(self.records), self.market.observation_size), np.float32)
        observe_all(self.records, observations, *self.arrays)
        return observations

    def as_dict(self, i: int) -> dict[str, Any]:
        """The record of environment i by the names of `EPISODE`."""
        return dict(zip(_NAMES, self.records[i].item(), strict=True))

    def summaries(self, environments: NDArray[Any]) -> list[dict[str, Any]]:
        """Summaries of episodes: returns and drawdown in percent; `r` is the reward, `l` the length, as in Monitor."""
        market, balance = self.market, self.market.config.initial_balance
        records = self.records[_SUMMARY_FIELDS][environments]
        return [
            {
                "r": rewards,
                "l": bars,
                "total_return": 100.0 * (equity / balance - 1.0),
                "sharpe": _sharpe(bars, gained, squares, market.periods_per_year[symbol]),
                "max_drawdown": 0.0 - 100.0 * fallen,
                "trades": trades,
                "wins": wins,
                "symbol": market.symbols[symbol],
            }
            for rewards, bars, equity, gained, squares, symbol, fallen, trades, wins in records.tolist()
        ]


def _sharpe(bars: int, gained: float, squares: float, periods_per_year: float | None) -> float | None:
    """Mean by standard deviation of the returns beyond idle cash, annualised where `periods_per_year` is given."""
    if bars < 2 or (variance := (squares - gained**2 / bars) / (bars - 1)) <= _NOISE**2:
        return None
    return gained / bars / math.sqrt(variance) * math.sqrt(periods_per_year or 1.0)
