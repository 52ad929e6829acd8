"""Run by an interpreter that has gym-anytrading: what stable-baselines3 learns of its StocksEnv, and how fast.

As a user sets them up today: eight environments behind `make_vec_env`, the library's own hyperparameters, `MlpPolicy`.
"""

from __future__ import annotations

import json
import sys
import time
import warnings

import numpy as np
import pandas as pd
import torch
from gym_anytrading.envs import StocksEnv
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.env_util import make_vec_env

ENVIRONMENTS = 8
AGENTS = {"ppo": PPO, "a2c": A2C, "dqn": DQN}


def positions(model: PPO | A2C | DQN, frame: pd.DataFrame, window: int, first: int) -> list[float]:
    """The policy's position, 1 long and -1 short, decided at each bar from `first` on."""
    env = StocksEnv(df=frame, window_size=window, frame_bound=(first, len(frame)))
    observation, _ = env.reset()
    decided, done = [], False
    while not done:
        action, _ = model.predict(observation, deterministic=True)
        decided.append(1.0 if int(action) == 1 else -1.0)
        observation, _, terminated, truncated, _ = env.step(int(action))
        done = terminated or truncated
    return decided


def main() -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    path, *numbers = sys.argv[1:]
    steps, seeds, window, unseen = map(int, numbers)
    frame = pd.DataFrame({"Close": np.load(path)["close"]})
    answer = {}
    for name, algorithm in AGENTS.items():
        seconds_a_step, decided = [], []
        for seed in range(seeds):
            env = make_vec_env(
                lambda: StocksEnv(df=frame.iloc[:unseen], window_size=window, frame_bound=(window, unseen)),
                n_envs=ENVIRONMENTS,
                seed=seed,
            )
            model = algorithm("MlpPolicy", env, seed=seed, device="cpu")
            began = time.perf_counter()
            model.learn(steps)
            seconds_a_step.append((time.perf_counter() - began) / model.num_timesteps)
            decided.append(positions(model, frame, window, unseen))
        answer[name] = {"seconds_a_step": seconds_a_step, "decided": decided}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
