"""Agents by name, and the one way to make them."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from config.errors import UsageError
from trainers.rl.agents.agent import RLAgent
from trainers.rl.agents.configs import AgentConfig
from trainers.rl.agents.specs import AGENTS, agent_spec


def list_available_agents() -> dict[str, str]:
    """The names that `create_rl_agent` takes, with the title of each agent."""
    return {name: spec.title for name, spec in AGENTS.items()}


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
    """An agent that sees `state_dim` numbers and gives `action_dim` numbers in [-1, 1].

    One that can only choose (dqn) gives one of `action_dim` choices instead. `action_space` is for other bounds, and
    for choices of the agents that can give either. The first weights come from `seed`.
    """
    spec = agent_spec(agent_type)
    if action_space is None:
        discrete = spec.actions[0] == "discrete"
        action_space = spaces.Discrete(action_dim) if discrete else spaces.Box(-1.0, 1.0, (action_dim,))
    elif _size(action_space) != action_dim:
        raise UsageError(
            "agent.action_space",
            f"action_dim is {action_dim}, and the action space {action_space} has {_size(action_space)}.",
            "Give action_dim as the action space has it: its numbers, or its choices.",
        )
    config = spec.config() if config is None else config
    if type(config) is not spec.config:
        raise UsageError(
            "agent.config",
            f"The agent {agent_type} cannot be made from a {type(config).__name__}.",
            f"Give it a {spec.config.__name__}, or none for the defaults.",
        )
    return RLAgent(agent_type, config, state_dim, action_space, seed=seed, device=device)


def _size(space: gymnasium.Space[Any]) -> int:
    return int(space.n) if isinstance(space, spaces.Discrete) else int(np.prod(space.shape or ()))
