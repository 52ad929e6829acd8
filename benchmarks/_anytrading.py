"""Run by an interpreter that has gym-anytrading: how long a step of its StocksEnv takes, alone and 64 at once."""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable

import gymnasium
import numpy as np
import pandas as pd
from gym_anytrading.envs import StocksEnv

REPEATS, STEPS, MANY, WINDOW = 7, 4_000, 64, 20


def alone(make: Callable[[], gymnasium.Env], actions: list[int]) -> float:
    env = make()
    env.reset()
    began = time.process_time()
    for action in actions:
        env.step(action)
    return (time.process_time() - began) / STEPS


def together(make: Callable[[], gymnasium.Env], actions: np.ndarray) -> float:
    env = gymnasium.vector.SyncVectorEnv([make] * MANY)
    env.reset()
    began = time.process_time()
    for action in actions:
        env.step(action)
    return (time.process_time() - began) / (len(actions) * MANY)


def main() -> None:
    warnings.simplefilter("ignore")
    columns = np.load(sys.argv[1])
    frame = pd.DataFrame({name: columns[name] for name in ("open", "high", "low", "close", "volume")})
    frame.columns = frame.columns.str.title()
    random = np.random.default_rng(0)

    def make() -> StocksEnv:
        return StocksEnv(df=frame, window_size=WINDOW, frame_bound=(WINDOW, len(frame)))

    actions = random.integers(0, 2, STEPS).tolist()
    many = random.integers(0, 2, (STEPS // MANY, MANY))
    answer = {
        "alone": [alone(make, actions) for _ in range(REPEATS + 1)][1:],
        "together": [together(make, many) for _ in range(REPEATS + 1)][1:],
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
