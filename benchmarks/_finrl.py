"""Run by an interpreter that has FinRL: how long a step of its StockTradingEnv takes, with one stock.

The package imports all it can download from and train with; the file of the environment needs stable-baselines3 only
for a method that is not called here, so an empty name stands in for it.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

REPEATS, STEPS = 7, 1_000


def environment() -> Any:
    for name in ("stable_baselines3", "stable_baselines3.common", "stable_baselines3.common.vec_env"):
        sys.modules[name] = ModuleType(name)
    sys.modules["stable_baselines3.common.vec_env"].DummyVecEnv = None  # type: ignore[attr-defined]
    package = importlib.util.find_spec("finrl")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("finrl")
    file = Path(package.origin).parent / "meta/env_stock_trading/env_stocktrading.py"
    spec = importlib.util.spec_from_file_location("env_stocktrading", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.StockTradingEnv


def timed(env: Any, actions: np.ndarray) -> float:
    env.reset()
    began = time.process_time()
    for action in actions:
        env.step(action)
    return (time.process_time() - began) / len(actions)


def main() -> None:
    columns = np.load(sys.argv[1])
    frame = pd.DataFrame({"date": np.arange(len(columns["close"])), "tic": "ONE", "close": columns["close"]})
    # As many numbers as the other environments show: a window has to be given as so many indicators.
    indicators = [f"seen_{i}" for i in range(40)]
    frame = pd.concat([frame, pd.DataFrame(np.zeros((len(frame), len(indicators))), columns=indicators)], axis=1)
    env = environment()(
        df=frame,
        stock_dim=1,
        hmax=100,
        initial_amount=100_000,
        num_stock_shares=[0],
        buy_cost_pct=[0.001],
        sell_cost_pct=[0.001],
        reward_scaling=1e-4,
        state_space=3 + len(indicators),
        action_space=1,
        tech_indicator_list=indicators,
    )
    actions = np.random.default_rng(0).uniform(-1.0, 1.0, (STEPS, 1))
    print(json.dumps({"alone": [timed(env, actions) for _ in range(REPEATS + 1)][1:]}))


if __name__ == "__main__":
    main()
