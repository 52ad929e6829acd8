"""Agents find a planted pattern that pays after costs, on bars that were not trained on, and stay out of noise."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from evaluation.accounting.ledger import Array
from tests.support.markets.planted_patterns import COSTS, Planted, noisy_sine, pure_noise, regime_switch
from trainers.rl import RLTrainingConfig, TradingEnvConfig, TradingEnvironment, create_rl_agent, train_rl_agent
from trainers.rl.agents.specs import agent_spec
from trainers.rl.serving.policy import CompiledPolicy
from trainers.rl.serving.rollout import Rollout

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SEEDS = (1, 2, 3)
BARS, UNSEEN = 6_000, 1_500
ENOUGH = 0.8  # of what the best trader earns who knows the pattern
MINUTES = 5.0  # for the three seeds together


@dataclass(frozen=True)
class Recipe:
    """How an agent is set up; the rest are its defaults."""

    steps: int
    agent: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)


DISCRETE = {"actions": "discrete"}
RECIPES = {
    "ppo": Recipe(150_000, {"batch_size": 512, "learning_rate": 1e-3}),
    "dqn": Recipe(200_000, {"batch_size": 256, "learning_rate": 1e-3}, DISCRETE),
    "sac": Recipe(150_000, {"learning_rate": 1e-3}, {"reward_scale": 1000.0}),
    "td3": Recipe(100_000, {"learning_rate": 1e-3}),
    "ddpg": Recipe(100_000),
    "a2c": Recipe(200_000),
}
# Who enters once has no reason to leave a market without drift, so whether to enter is what must be learned: episodes
# are short, and it takes half of the account to enter at all. The two that learn from what they have just done explore
# by the noise of their own policy, which never leaves a continuous weight at nothing: they choose among three.
NOISY = {"commission": 0.02, "episode_length": 10, "min_change": 0.5}
NOISE_RECIPES = {
    "ppo": Recipe(200_000, {"batch_size": 512, "learning_rate": 1e-3, "gamma": 0.9}, DISCRETE),
    "dqn": Recipe(400_000, {"batch_size": 256, "learning_rate": 1e-3}, DISCRETE),
    "sac": Recipe(200_000, {"learning_rate": 1e-3}),
    "td3": Recipe(200_000, {"learning_rate": 1e-3}),
    "ddpg": Recipe(200_000),
    "a2c": Recipe(400_000, {"gamma": 0.9}, DISCRETE),
}


def decided(name: str, recipe: Recipe, planted: Planted, unseen: int, seed: int, **environment: Any) -> Array:
    """What an agent decides on the last `unseen` bars after it has learned from those before."""
    config = TradingEnvConfig(**environment | recipe.environment)
    env = TradingEnvironment(planted.part(0, len(planted.best) - unseen).bars, config)
    agent = create_rl_agent(
        name,
        env.observation_space_dim,
        env.action_space_dim,
        agent_spec(name).config(hidden_dim=64, **recipe.agent),
        action_space=env.action_space,
        seed=seed,
    )
    training = RLTrainingConfig(total_timesteps=recipe.steps, eval_frequency=None, progress=False, seed=seed)
    train_rl_agent(agent, env, training)
    return Rollout.of(CompiledPolicy(agent.layers()), planted.bars, config).targets[-unseen:]


@pytest.mark.parametrize("market", [noisy_sine, regime_switch])
@pytest.mark.parametrize("name", RECIPES)
def test_each_agent_earns_most_of_what_a_planted_pattern_is_worth_after_costs(name: str, market: Any) -> None:
    began, shares = time.monotonic(), []
    for seed in SEEDS:
        planted = market(BARS, 100 + seed)
        targets = decided(
            name, RECIPES[name], planted, UNSEEN, seed, commission=COSTS.commission, slippage=COSTS.slippage
        )
        unseen = planted.part(BARS - UNSEEN, BARS)
        shares.append(unseen.growth(targets) / unseen.best_growth)
    minutes = (time.monotonic() - began) / 60.0
    print(f"{name} {market.__name__}: {np.round(shares, 3)} of the best growth in {minutes:.1f} minutes")
    assert min(shares) >= ENOUGH, shares
    assert minutes < MINUTES


@pytest.mark.parametrize("name", NOISE_RECIPES)
def test_each_agent_stays_out_of_pure_noise_where_trading_is_dear(name: str) -> None:
    exposures = []
    for seed in SEEDS:
        planted = pure_noise(40_000, 100 + seed)
        targets = decided(name, NOISE_RECIPES[name], planted, 4_000, seed, **NOISY)
        exposures.append(float(np.abs(targets).mean()))
    print(f"{name}: exposure {np.round(exposures, 4)}")
    assert max(exposures) <= 0.01, exposures
