"""The table of agents: an agent is added here, by its config and its algorithm, and nowhere else.

Model types, params, agent files and command lines derive from it. Importing it loads neither torch nor numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from config.errors import UsageError
from trainers.needs import Needs
from trainers.rl.agents.configs import A2CConfig, AgentConfig, DDPGConfig, DQNConfig, PPOConfig, SACConfig, TD3Config

# A weight in a range, or one of several choices.
ActionKind = Literal["continuous", "discrete"]


# What every agent of the desk needs.
NEEDS = Needs(min_bars=100, costly=True)


@dataclass(frozen=True)
class AgentSpec:
    """One kind of agent.

    Args:
        name: of the agent and of its model type.
        title: its long name, and when to use it.
        description: a sentence on the model type.
        config: its config class.
        algorithm: `module:class` of its algorithm, which takes the config and a device; it loads torch.
        actions: the kinds of actions it can give, the default first.
        has_action_values: whether its outputs are the values of its choices, in units of the reward. Their confidence
            then needs a temperature, which is measured on the training bars; logits need none.
    """

    name: str
    title: str
    description: str
    config: type[AgentConfig]
    algorithm: str
    actions: tuple[ActionKind, ...]
    has_action_values: bool = False


_EITHER: tuple[ActionKind, ...] = ("continuous", "discrete")
_SPECS = (
    AgentSpec(
        "ppo",
        "Proximal Policy Optimization - stable on-policy updates, for positions or choices",
        "Proximal policy optimisation: an agent that learns what position to hold, in clipped on-policy updates.",
        PPOConfig,
        "trainers.rl.agents.algorithms.on_policy:PPO",
        _EITHER,
    ),
    AgentSpec(
        "dqn",
        "Deep Q-Network - dueling and double, for choices such as buy, hold, sell",
        "Deep Q-network, dueling and double: an agent that learns the values of being short, flat or long.",
        DQNConfig,
        "trainers.rl.agents.algorithms.dqn:DQN",
        ("discrete",),
        has_action_values=True,
    ),
    AgentSpec(
        "sac",
        "Soft Actor-Critic - off-policy with a reward for entropy, for positions",
        "Soft actor-critic: an agent that learns what weight to hold from replayed bars, with a reward for entropy.",
        SACConfig,
        "trainers.rl.agents.algorithms.sac:SAC",
        ("continuous",),
    ),
    AgentSpec(
        "td3",
        "Twin Delayed DDPG - two critics against overestimated values, for positions",
        "Twin delayed DDPG: an agent that learns what weight to hold, with two critics against overestimated values.",
        TD3Config,
        "trainers.rl.agents.algorithms.td3:TD3",
        ("continuous",),
    ),
    AgentSpec(
        "ddpg",
        "Deep Deterministic Policy Gradient - explores by temporally correlated noise, for positions",
        "Deep deterministic policy gradient: an agent that learns what weight to hold, exploring by correlated noise.",
        DDPGConfig,
        "trainers.rl.agents.algorithms.td3:DDPG",
        ("continuous",),
    ),
    AgentSpec(
        "a2c",
        "Advantage Actor-Critic - many small on-policy updates, the quick baseline",
        "Advantage actor-critic: an agent that learns what position to hold, in many small on-policy updates.",
        A2CConfig,
        "trainers.rl.agents.algorithms.on_policy:A2C",
        _EITHER,
    ),
)
AGENTS: dict[str, AgentSpec] = {spec.name: spec for spec in _SPECS}


def agent_spec(name: str) -> AgentSpec:
    """The agent called `name`."""
    if name not in AGENTS:
        raise UsageError("agent.unknown", f"There is no agent {name!r}.", f"Choose one of {', '.join(AGENTS)}.")
    return AGENTS[name]


def agents_with(kind: ActionKind) -> list[str]:
    """The names of the agents that can give actions of this kind."""
    return [spec.name for spec in AGENTS.values() if kind in spec.actions]
