"""A step of the trading environment, alone and 64 at once, with gym-anytrading, freqtrade and FinRL beside it.

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
from trainers.rl.environments.config import TradingEnvConfig
from trainers.rl.environments.environment import TradingEnvironment

ROWS, STEPS, MANY = 5_000, 4_000, 64
SHORT = 400  # random actions again and again: an agent's are in the cache, too, when they are played
# What the others show: two columns of the last 20 bars; ours come with five numbers of the account. Ours is beside
# gym-anytrading (short or long) and freqtrade (five choices) with two choices, flat and long, whose random ones trade
# at every other step; beside FinRL (shares to buy or sell) with weights, of which nearly every one trades.
OBSERVATION: dict[str, Any] = {"window_size": 20, "windowed": ("log_return", "high_low_spread"), "features": ()}
# What the files of these environments import; all that their packages ask for is some gigabytes.
BARE = ["--no-deps", "gymnasium", "numpy", "pandas", "cloudpickle", "farama-notifications", "typing-extensions",
        "python-dateutil", "six"]  # fmt: skip
PLOTS = ["matplotlib", "contourpy", "cycler", "fonttools", "kiwisolver", "packaging", "pillow", "pyparsing"]
FREQTRADE = [*BARE, "freqtrade==2026.9"]
FINRL = [*BARE, *PLOTS, "finrl==0.3.7"]


def environment(**changes: Any) -> TradingEnvironment:
    return TradingEnvironment(market(ROWS), TradingEnvConfig(**OBSERVATION | changes))


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
    actions = np.array([[env.action_space.sample() for _ in range(MANY)] for _ in range(SHORT)])

    def run() -> None:
        vector.reset()
        for _ in range(STEPS // SHORT):
            for action in actions:
                vector.step(action)

    return run


def main() -> bool:
    """Print every figure; whether every goal was met."""
    choices = {"actions": "discrete", "short": False}  # flat or long, as there: random ones trade at every other step
    runs = [alone(environment(**choices)), together(environment(**choices)), together(environment())]
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(
        f"One core, its time for this process alone; medians of {REPEATS}; random actions, a window of 2 x 20 numbers"
    )
    durations = seconds(*runs, clock=time.process_time)
    steps = (STEPS, STEPS * MANY, STEPS * MANY)
    single, many, weights = (
        [duration / count for duration in of_run] for of_run, count in zip(durations, steps, strict=True)
    )
    show("one environment", single)
    show(f"{MANY} at once", many)
    show(f"{MANY} at once, weights that always change", weights)
    met = compare_anytrading(single, many)
    print("The next two goals are one: beside freqtrade, or beside FinRL")
    freqtrade = compare("_freqtrade.py", FREQTRADE, "freqtrade's environment", many, 1_000.0)
    finrl = compare("_finrl.py", FINRL, "FinRL's environment", weights, 500.0)
    return all(met) and (any(freqtrade + finrl) or not freqtrade + finrl)


def show(title: str, seconds_a_step: list[float]) -> None:
    """Print what a step takes."""
    middle = statistics.median(seconds_a_step)
    spread = f"({min(seconds_a_step) * 1e6:.3f} to {max(seconds_a_step) * 1e6:.3f}, n={len(seconds_a_step)})"
    print(f"{title:<42} median {middle * 1e6:9.3f} us a step   {spread}   {1 / middle:,.0f} steps/s")


def ratio(theirs: list[float], ours: list[float]) -> float:
    return statistics.median(theirs) / statistics.median(ours)


def compare_anytrading(single: list[float], many: list[float]) -> list[bool]:
    peer = measured("_anytrading.py", ["gym-anytrading==2.0.0"], market(ROWS))
    if peer is None:
        return []
    show("gym-anytrading, one environment", peer["alone"])
    show(f"gym-anytrading, {MANY} in a SyncVectorEnv", peer["together"])
    print(f"{MANY} beside one of gym-anytrading, stepped alone: {ratio(peer['alone'], many):.2f}")
    return [
        show_ratio("one beside one of gym-anytrading", ratio(peer["alone"], single), 2.0),
        show_ratio(f"{MANY} beside {MANY} of gym-anytrading", ratio(peer["together"], many), 50.0),
    ]


def compare(script: str, requirements: list[str], title: str, many: list[float], goal: float) -> list[bool]:
    peer = measured(script, requirements, market(ROWS))
    if peer is None:
        return []
    show(f"{title}, one", peer["alone"])
    return [show_ratio(f"{MANY} beside one of {title}", ratio(peer["alone"], many), goal)]


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
