"""Run by an interpreter that has freqtrade: how long a step of its Base5ActionRLEnv takes."""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import pandas as pd
from freqtrade.freqai.RL.Base5ActionRLEnv import Base5ActionRLEnv

REPEATS, STEPS, WINDOW = 7, 2_000, 20


class Environment(Base5ActionRLEnv):
    """The least that a user must define: the reward is what the open trade has earned."""

    def calculate_reward(self, action: int) -> float:  # noqa: ARG002
        return self.get_unrealized_profit()


def timed(env: Environment, actions: list[int]) -> float:
    env.reset()
    began = time.process_time()
    for action in actions:
        if env.step(action)[2]:
            env.reset()
    return (time.process_time() - began) / len(actions)


def main() -> None:
    columns = np.load(sys.argv[1])
    prices = pd.DataFrame({name: columns[name] for name in ("open", "high", "low", "close")})
    changes = prices["close"].pct_change().fillna(0.0)
    features = pd.DataFrame({"return": changes, "spread": prices["high"] / prices["low"] - 1.0})
    env = Environment(
        df=features,
        prices=prices,
        reward_kwargs={"rr": 1.0, "profit_aim": 0.02},
        window_size=WINDOW,
        config={"freqai": {"rl_config": {}}, "stake_amount": "unlimited"},
        can_short=True,
        df_raw=features,
    )
    actions = np.random.default_rng(0).integers(0, 5, STEPS).tolist()
    print(json.dumps({"alone": [timed(env, actions) for _ in range(REPEATS + 1)][1:]}))


if __name__ == "__main__":
    main()
