"""Markets and environments of trading episodes for tests."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from tests.support.markets.prices import walk
from trainers.rl.environments.config import TradingEnvConfig
from trainers.rl.environments.environment import TradingEnvironment

# Three lengths, so that symbols cannot be mixed up; the last is too short for a whole episode of 60 bars.
LENGTHS = {"LONG": 200, "MIDDLE": 120, "SHORT": 50}


def paying(frame: pd.DataFrame, every: int = 7) -> pd.DataFrame:
    """The frame with a dividend of half a percent now and then."""
    due = np.arange(len(frame)) % every == 0
    return frame.assign(dividends=np.where(due, 0.005 * frame["close"], 0.0))


@cache
def markets() -> dict[str, pd.DataFrame]:
    """Three symbols that pay dividends."""
    return {name: paying(walk(rows, seed, volatility=0.02)) for seed, (name, rows) in enumerate(LENGTHS.items())}


def quick(**changes: Any) -> TradingEnvConfig:
    """A small config that is still everything: a window of two columns, features, every cost."""
    values = {
        "window_size": 5,
        "windowed": ("log_return", "high_low_spread"),
        "features": ("return_5",),
        "episode_length": 60,
        "reward_scale": 1.0,
        "borrow": 0.05,
        "commission_minimum": 2.0,
        "cash_interest": 0.03,
    }
    return TradingEnvConfig(**values | changes)


def environment(**changes: Any) -> TradingEnvironment:
    """An environment on `markets`."""
    return TradingEnvironment(markets(), quick(**changes))


def played(env: TradingEnvironment, actions: Any, **reset: Any) -> pd.DataFrame:
    """An episode of these actions, at most, a row a bar: its reward and its record after it."""
    env.reset(**reset)
    rows = []
    for action in actions:
        _, reward, terminated, truncated, _ = env.step(action)
        rows.append({**env.episode, "paid": reward})
        if terminated or truncated:
            break
    return pd.DataFrame(rows)
