"""Action and observation spaces as JSON, and the check that an environment fits an agent."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import gymnasium
import numpy as np
from gymnasium import spaces
from pydantic import Field
from stable_baselines3.common.vec_env import VecEnv

from config.errors import NightdeskError
from config.section import Section


class BoxActions(Section):
    """Numbers within bounds."""

    kind: Literal["box"] = "box"
    low: tuple[float, ...] = Field(min_length=1, strict=False)
    high: tuple[float, ...] = Field(min_length=1, strict=False)

    def space(self) -> spaces.Box:
        """As a space of gymnasium."""
        return spaces.Box(np.array(self.low, dtype=np.float32), np.array(self.high, dtype=np.float32))

    def __str__(self) -> str:
        return f"{len(self.low)} numbers from {list(self.low)} to {list(self.high)}"


class DiscreteActions(Section):
    """One of n choices."""

    kind: Literal["discrete"] = "discrete"
    n: Annotated[int, Field(ge=2)]

    def space(self) -> spaces.Discrete[Any]:
        """As a space of gymnasium."""
        return spaces.Discrete(self.n)

    def __str__(self) -> str:
        return f"one of {self.n} choices"


Actions = Annotated[BoxActions | DiscreteActions, Field(discriminator="kind")]


def actions_of(space: gymnasium.Space[Any]) -> BoxActions | DiscreteActions:
    """A space of actions as JSON; bounded numbers in one row, or choices counted from 0."""
    if isinstance(space, spaces.Discrete) and space.start == 0 and space.n > 1:
        return DiscreteActions(n=int(space.n))
    if isinstance(space, spaces.Box) and len(space.shape) == 1 and space.is_bounded() and space.shape[0] > 0:
        return BoxActions(low=tuple(map(float, space.low)), high=tuple(map(float, space.high)))
    raise NightdeskError(
        "agent.action_space",
        f"Actions in {space} are nothing the agents know.",
        "Use a Discrete space of two or more choices from 0, or a one-dimensional Box with finite bounds. A trading "
        'environment has choices with TradingEnvConfig(actions="discrete").',
    )


def observations_of(inputs: int) -> spaces.Box:
    """A space of unbounded vectors of this size."""
    if inputs < 1:
        raise NightdeskError("agent.observation", f"state_dim is {inputs}.", "Give the agent something to see.")
    return spaces.Box(-np.inf, np.inf, shape=(inputs,), dtype=np.float32)


def require_same(
    observation_space: spaces.Box, actions: BoxActions | DiscreteActions, env: VecEnv | gymnasium.Env[Any, Any]
) -> None:
    """Raise unless the spaces of an environment are those that an agent was made for."""
    if env.observation_space.shape != observation_space.shape:
        raise other_spaces(
            f"The environment shows observations of the shape {env.observation_space.shape}, "
            f"the agent knows {observation_space.shape}"
        )
    if actions_of(env.action_space) != actions:
        raise other_spaces(f"The environment takes {actions_of(env.action_space)}, the agent gives {actions}")


def other_spaces(problem: str) -> NightdeskError:
    """The error for an agent and an environment with different spaces."""
    return NightdeskError(
        "agent.other_spaces",
        f"{problem}.",
        "Create the agent with state_dim, action_dim and action_space of the environment it is to act in.",
    )
