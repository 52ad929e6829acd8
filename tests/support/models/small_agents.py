"""Small agents that learn at once, so that a test of theirs takes a moment."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

from tests.support.markets.prices import walk
from tests.support.models.identity_game import Identity
from trainers.rl.agents.agent import RLAgent
from trainers.rl.agents.configs import AgentConfig, ReplayConfig
from trainers.rl.agents.factory import create_rl_agent
from trainers.rl.agents.specs import AGENTS, agents_with
from trainers.rl.environments.config import TradingEnvConfig
from trainers.rl.environments.environment import TradingEnvironment

TYPES = tuple(AGENTS)
CHOOSING = agents_with("discrete")


def small(agent_type: str, **changes: Any) -> AgentConfig:
    """A config of eight neurons that learns from its first steps."""
    kind = AGENTS[agent_type].config
    quick: dict[str, Any] = {"hidden_dim": 8}
    if issubclass(kind, ReplayConfig):
        quick |= {"buffer_size": 200, "learning_starts": 20, "batch_size": 8}
    elif agent_type == "ppo":
        quick |= {"n_steps": 32, "batch_size": 8, "n_epochs": 2}
    return kind(**{**quick, **changes})


def agent_for(agent_type: str, env: VecEnv, seed: int = 0, **changes: Any) -> RLAgent:
    """A small agent with the spaces of `env`."""
    discrete = isinstance(env.action_space, spaces.Discrete)
    return create_rl_agent(
        agent_type,
        env.observation_space.shape[0],
        int(env.action_space.n) if discrete else env.action_space.shape[0],
        small(agent_type, **changes),
        action_space=env.action_space,
        seed=seed,
        device="cpu",
    )


def identity_for(agent_type: str, n: int = 4) -> Identity:
    """The game that an agent of this type can play."""
    return Identity(n, continuous=agent_type not in CHOOSING)


def trading_for(agent_type: str, n: int = 4) -> VecEnv:
    """A small market for an agent of this type."""
    config = TradingEnvConfig(
        window_size=3, episode_length=15, actions="discrete" if agent_type in CHOOSING else "continuous"
    )
    return TradingEnvironment(walk(150), config).vectorised(n)
