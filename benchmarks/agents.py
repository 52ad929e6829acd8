"""Learning a planted pattern, end to end, beside what a user sets up today: stable-baselines3 on gym-anytrading.

Both learn from the same bars for the same number of steps on one core with networks of 64 x 64: theirs with eight
environments and the library's own hyperparameters, ours with those below. What each learned is told by one measure: the
positions its policy decides on bars it never saw, traded with the same costs by the same ledger, and their growth as a
share of what is earned by the best trader who knows the pattern. Faster counts only where that is no less.

python -m benchmarks.agents
"""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks._figures import show_ratio
from benchmarks._peers import measured
from tests.support.markets.planted_patterns import COSTS, Planted, noisy_sine
from trainers.rl import RLTrainingConfig, TradingEnvConfig, TradingEnvironment, create_rl_agent, train_rl_agent
from trainers.rl.agents.specs import agent_spec
from trainers.rl.serving.policy import CompiledPolicy
from trainers.rl.serving.rollout import Rollout

BARS, UNSEEN, WINDOW, STEPS, SEEDS = 6_000, 1_500, 20, 100_000, 5
PEER = ["torch==2.13.0", "stable-baselines3==2.9.2", "gym-anytrading==2.0.0"]
MARKET = TradingEnvConfig(
    actions="discrete",
    window_size=WINDOW,
    features=(),
    commission=COSTS.commission,
    slippage=COSTS.slippage,
)


@dataclass(frozen=True)
class Ours:
    """How our agent is set up, and how many times as fast as theirs it should be."""

    goal: float
    environments: int
    agent: dict[str, Any]


AGENTS = {
    "ppo": Ours(7.0, 64, {"batch_size": 1024, "n_epochs": 5, "learning_rate": 2e-3}),
    "a2c": Ours(6.0, 128, {"learning_rate": 1e-3}),
    "dqn": Ours(5.0, 128, {"learning_rate": 1e-3}),
}


def ours(name: str, planted: Planted, seed: int) -> tuple[float, float]:
    """Seconds that a step took, and what was learned."""
    env = TradingEnvironment(planted.part(0, BARS - UNSEEN).bars, MARKET)
    config = agent_spec(name).config(hidden_dim=64, **AGENTS[name].agent)
    agent = create_rl_agent(name, env.observation_space_dim, env.action_space_dim, config,
                            action_space=env.action_space, seed=seed)  # fmt: skip
    training = RLTrainingConfig(
        total_timesteps=STEPS, environments=AGENTS[name].environments, eval_frequency=None, progress=False, seed=seed
    )
    began = time.perf_counter()
    metrics = train_rl_agent(agent, env, training)
    seconds_a_step = (time.perf_counter() - began) / metrics["timesteps"]
    targets = Rollout.of(CompiledPolicy(agent.layers()), planted.bars, MARKET).targets
    return seconds_a_step, share(planted, targets[-UNSEEN:])


def share(planted: Planted, targets: np.ndarray) -> float:
    """The growth of these targets on the unseen bars, as a share of the best trader's."""
    unseen = planted.part(BARS - UNSEEN, BARS)
    return unseen.growth(targets) / unseen.best_growth


def theirs(planted: Planted) -> dict[str, Any] | None:
    """What stable-baselines3 on gym-anytrading makes of the same bars."""
    return measured("_anytrading_agents.py", PEER, planted.bars, STEPS, SEEDS, WINDOW, BARS - UNSEEN)


def show(title: str, seconds_a_step: list[float], shares: list[float]) -> None:
    speed = statistics.median([1.0 / seconds for seconds in seconds_a_step])
    print(
        f"{title:<36} median {speed:9,.0f} steps/s (n={len(seconds_a_step)})   "
        f"share of the best growth {statistics.median(shares):6.3f} ({min(shares):.3f} to {max(shares):.3f})"
    )


def main() -> bool:
    """Print every figure; whether each goal was met with no less learned."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(f"{STEPS:,} steps on {BARS - UNSEEN:,} bars of a noisy wave, judged on {UNSEEN:,} later ones; one core")
    planted, met = noisy_sine(BARS, 7), True
    peer = theirs(planted)
    for name, how in AGENTS.items():
        ours(name, planted, 0)  # compiles
        seconds_a_step, shares = map(list, zip(*(ours(name, planted, seed) for seed in range(SEEDS)), strict=True))
        show(f"{name}, {how.environments} environments", seconds_a_step, shares)
        if peer is None:
            continue
        # Nothing comes of the last bar's target.
        decided = [np.append(targets, targets[-1]) for targets in peer[name]["decided"]]
        peer_shares = [share(planted, targets) for targets in decided]
        show(f"{name}, stable-baselines3 as it comes", peer[name]["seconds_a_step"], peer_shares)
        ratio = statistics.median(peer[name]["seconds_a_step"]) / statistics.median(seconds_a_step)
        met &= show_ratio(f"{name} beside stable-baselines3", ratio, how.goal)
        met &= statistics.median(shares) >= statistics.median(peer_shares)
    return met


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
