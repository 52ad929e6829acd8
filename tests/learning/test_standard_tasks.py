"""Each agent solves what it is made for: identity in seconds, and the standard task of its kind in minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from tests.support.models.identity_game import LENGTH
from tests.support.models.small_agents import CHOOSING, TYPES, identity_for
from trainers.rl.agents.agent import RLAgent
from trainers.rl.agents.factory import create_rl_agent
from trainers.rl.agents.specs import agent_spec
from trainers.rl.training.callbacks.base import RLCallback
from trainers.rl.training.callbacks.ready_made import EvalCallback
from trainers.rl.training.config import RLTrainingConfig
from trainers.rl.training.loop import Training, train_rl_agent
from trainers.rl.training.record import Evaluation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

EPISODES = 20
SEEDS = (0, 1, 2)
# What is known to learn each task on every seed, in half a minute to a minute of one core.
PENDULUM = {"learning_rate": 1e-3, "batch_size": 128}
SHORT_SIGHTED = {"gamma": 0.98, "ent_coef": 0.0, "learning_rate_decays": True}
TASKS: dict[str, tuple[int, int, dict[str, Any]]] = {
    "ppo": (
        8,
        100_000,
        {**SHORT_SIGHTED, "n_steps": 1024, "batch_size": 128, "learning_rate": 1e-3, "gae_lambda": 0.9},
    ),
    "a2c": (32, 500_000, {**SHORT_SIGHTED, "n_steps": 16, "learning_rate": 2e-3, "gae_lambda": 0.95}),
    "dqn": (
        8,
        100_000,
        {
            "hidden_dim": 128,
            "learning_rate": 2e-3,
            "batch_size": 256,
            "gamma": 0.98,
            "tau": 0.01,
            "train_freq": 16,
            "gradient_steps": 64,
            "exploration_fraction": 0.2,
            "exploration_final": 0.05,
        },
    ),
    "sac": (1, 10_000, PENDULUM),
    "td3": (1, 20_000, {**PENDULUM, "gamma": 0.98}),
    "ddpg": (1, 10_000, {**PENDULUM, "critic_learning_rate": 1e-3}),
}


def agent_for(agent_type: str, env: VecEnv, seed: int, **config: Any) -> RLAgent:
    actions = env.action_space
    size = int(actions.n) if isinstance(actions, spaces.Discrete) else actions.shape[0]
    inputs = env.observation_space.shape[0]
    config = {"hidden_dim": 64, **config}
    return create_rl_agent(
        agent_type, inputs, size, agent_spec(agent_type).config(**config), action_space=actions, seed=seed, device="cpu"
    )


class UntilSolved(RLCallback):
    """Ends a training with the first evaluation in which every game of CartPole was played to its end."""

    def on_evaluation(self, training: Training, evaluation: Evaluation) -> bool:
        return evaluation.reward < 500.0


def best_of(agent: RLAgent, env: VecEnv, steps: int, seed: int, folder: Path) -> None:
    """Train, and take the weights that were best on episodes of their own: how a policy by values swings never ends."""
    config = RLTrainingConfig(total_timesteps=steps, eval_frequency=None, seed=seed, progress=False)
    evaluating = EvalCallback(gymnasium.make("CartPole-v1"), 10, EPISODES, folder)
    train_rl_agent(agent, env, config, [evaluating, UntilSolved()])
    agent.load(folder / "best_model.safetensors")


def mean_reward(agent: RLAgent, env: gymnasium.Env) -> float:
    """Of whole episodes that were not trained on."""
    totals = np.zeros(EPISODES)
    for episode in range(EPISODES):
        observation, _ = env.reset(seed=10_000 + episode)
        ended = False
        while not ended:
            observation, reward, terminated, truncated, _ = env.step(agent.select_action(observation))
            totals[episode] += float(reward)
            ended = terminated or truncated
    return float(totals.mean())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("agent_type", TYPES)
def test_it_learns_to_repeat_its_observation(agent_type, seed):
    env = identity_for(agent_type, 8)
    agent = agent_for(agent_type, env, seed, learning_rate=3e-3)
    agent.train(env, 20_000, seed=seed)
    env.seed(99)
    observations, earned = env.reset(), np.zeros(8)
    for _ in range(LENGTH):
        observations, rewards, _, _ = env.step(agent.select_action(observations))
        earned += rewards
    assert earned.mean() >= 0.95 * LENGTH


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("agent_type", TYPES)
def test_it_solves_the_standard_task_of_its_kind(agent_type, seed, tmp_path):
    task, least = ("CartPole-v1", 475.0) if agent_type in CHOOSING else ("Pendulum-v1", -200.0)
    environments, steps, config = TASKS[agent_type]
    env = DummyVecEnv([lambda: Monitor(gymnasium.make(task))] * environments)
    agent = agent_for(agent_type, env, seed, **config)
    if agent_type == "dqn":
        best_of(agent, env, steps, seed, tmp_path)
    else:
        agent.train(env, steps, seed=seed)
    assert mean_reward(agent, gymnasium.make(task)) >= least
