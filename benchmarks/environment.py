"""A step of the trading environment, alone and 64 at once, with gym-anytrading and freqtrade beside it.

python -m benchmarks.environment
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks._figures import REPEATS, market, seconds, show_ratio
from benchmarks._peers import measured
from trainers.rl.environment import TradingEnvironment
from trainers.rl.environment_config import TradingEnvConfig

ROWS, STEPS, MANY = 5_000, 4_000, 64
# What gym-anytrading shows: two columns of the last 20 bars. Ours come with five numbers of the account, and every
# reward is net of costs, which neither of the two asks to be paid at every step.
SEEN: dict[str, Any] = {"window_size": 20, "windowed": ("log_return", "high_low_spread"), "features": ()}
FREQTRADE = ["freqtrade==2026.9", "gymnasium", "numpy", "pandas", "cloudpickle", "farama-notifications",
             "typing-extensions", "python-dateutil", "six"]  # fmt: skip


def environment(**changes: Any) -> TradingEnvironment:
    return TradingEnvironment(market(ROWS), TradingEnvConfig(**SEEN | changes))


def alone(env: TradingEnvironment) -> Callable[[], None]:
    """Steps of one environment, resets at the ends of its episodes included."""
    actions = np.random.default_rng(0).integers(0, env.action_space_dim, STEPS).tolist()

    def run() -> None:
        env.reset(seed=0)
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()

    return run


def together(env: TradingEnvironment) -> Callable[[], None]:
    """Steps of 64 environments, the episodes that end and the ones that follow included."""
    vector = env.vectorised(MANY, seed=0)
    env.action_space.seed(0)
    actions = np.array([[env.action_space.sample() for _ in range(MANY)] for _ in range(STEPS)])

    def run() -> None:
        vector.reset()
        for each in actions:
            vector.step(each)

    return run


def main() -> bool:
    """Print every figure; whether every goal was met."""
    choices = {"actions": "discrete", "short": False}  # flat or long, as there: random ones trade at every other step
    runs = [alone(environment(**choices)), together(environment(**choices)), together(environment())]
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(
        f"One core, its time for this process alone; medians of {REPEATS}; random actions, a window of 2 x 20 numbers"
    )
    taken = seconds(*runs, clock=time.process_time)
    single, many, weights = (
        [each / steps for each in own] for own, steps in zip(taken, (STEPS, STEPS * MANY, STEPS * MANY), strict=True)
    )
    show("one environment", single)
    show(f"{MANY} at once", many)
    show(f"{MANY} at once, weights that always change", weights)
    return all(beside_anytrading(single, many) + beside_freqtrade(many))


def show(what: str, taken: list[float]) -> None:
    """Print what a step takes."""
    middle = statistics.median(taken)
    spread = f"({min(taken) * 1e6:.3f} to {max(taken) * 1e6:.3f}, n={len(taken)})"
    print(f"{what:<42} median {middle * 1e6:9.3f} us a step   {spread}   {1 / middle:,.0f} steps/s")


def ratio(theirs: list[float], ours: list[float]) -> float:
    return statistics.median(theirs) / statistics.median(ours)


def beside_anytrading(single: list[float], many: list[float]) -> list[bool]:
    peer = measured("_anytrading.py", ["gym-anytrading==2.0.0"], market(ROWS))
    if peer is None:
        return []
    show("gym-anytrading, one environment", peer["alone"])
    show(f"gym-anytrading, {MANY} in a SyncVectorEnv", peer["together"])
    return [
        show_ratio("one beside one of gym-anytrading", ratio(peer["alone"], single), 2.0),
        show_ratio(f"{MANY} beside {MANY} of gym-anytrading", ratio(peer["together"], many), 50.0),
        show_ratio(f"{MANY} beside one of gym-anytrading", ratio(peer["alone"], many), 50.0),
    ]


def beside_freqtrade(many: list[float]) -> list[bool]:
    peer = measured("_freqtrade.py", ["--no-deps", *FREQTRADE], market(ROWS))
    if peer is None:
        return []
    show("freqtrade's Base5ActionRLEnv, one", peer["alone"])
    return [show_ratio(f"{MANY} beside one of freqtrade", ratio(peer["alone"], many), 1_000.0)]


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
