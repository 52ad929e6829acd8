"""The six agents by name, and the one way to make them."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from config.errors import UsageError
from trainers.rl.agent import RLAgent
from trainers.rl.agent_configs import CONFIGS, AgentConfig

_DESCRIPTIONS = {
    "ppo": "Proximal Policy Optimization - careful on-policy steps, for positions or choices",
    "dqn": "Deep Q-Network - dueling and double, for choices such as buy, hold, sell",
    "sac": "Soft Actor-Critic - learns from memory and stays curious, for positions",
    "td3": "Twin Delayed DDPG - two critics against wishful thinking, for positions",
    "ddpg": "Deep Deterministic Policy Gradient - noise that keeps its direction, for positions",
    "a2c": "Advantage Actor-Critic - many small on-policy steps, the quick baseline",
}


def list_available_agents() -> dict[str, str]:
    """What `create_rl_agent` can make, with a word on each."""
    return dict(_DESCRIPTIONS)


def create_rl_agent(
    agent_type: str,
    state_dim: int,
    action_dim: int,
    config: AgentConfig | None = None,
    *,
    action_space: gymnasium.Space[Any] | None = None,
    seed: int = 0,
    device: str = "auto",
) -> RLAgent:
    """An agent that sees `state_dim` numbers and gives `action_dim` numbers in [-1, 1], dqn one of so many choices.

    `action_space` is for other bounds, and for choices of ppo and a2c. The first weights come from `seed`.
    """
    if agent_type not in CONFIGS:
        raise UsageError(
            "agent.unknown",
            f"There is no agent {agent_type!r}.",
            f"Choose one of {', '.join(CONFIGS)}.",
        )
    if action_space is None:
        action_space = spaces.Discrete(action_dim) if agent_type == "dqn" else spaces.Box(-1.0, 1.0, (action_dim,))
    elif _size(action_space) != action_dim:
        raise UsageError(
            "agent.action_space",
            f"action_dim is {action_dim}, and the action space {action_space} has {_size(action_space)}.",
            "Give action_dim as the action space has it: its numbers, or its choices.",
        )
    config = CONFIGS[agent_type]() if config is None else config
    if type(config) is not CONFIGS[agent_type]:
        raise UsageError(
            "agent.config",
            f"The agent {agent_type} cannot be made from a {type(config).__name__}.",
            f"Give it a {CONFIGS[agent_type].__name__}, or none for the defaults.",
        )
    return RLAgent(agent_type, config, state_dim, action_space, seed=seed, device=device)


def _size(space: gymnasium.Space[Any]) -> int:
    return int(space.n) if isinstance(space, spaces.Discrete) else int(np.prod(space.shape or ()))
