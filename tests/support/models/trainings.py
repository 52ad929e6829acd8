"""Trainings that take a moment: small agents on a short walk of prices."""

from __future__ import annotations

from typing import Any

from tests.support.markets.prices import walk
from tests.support.models.small_agents import small
from trainers.rl import RLAgent, RLCallback, RLTrainingConfig, TradingEnvConfig, TradingEnvironment, create_rl_agent
from trainers.rl.training.loop import train_rl_agent

EPISODE = 20


def environment(agent_type: str = "ppo", bars: int = 150, seed: int = 0, **changes: Any) -> TradingEnvironment:
    """A market for an agent of this type, with episodes of 20 bars, fewer where one begins late."""
    actions: Any = "discrete" if agent_type == "dqn" else "continuous"
    config = TradingEnvConfig(window_size=3, episode_length=EPISODE, actions=actions)
    return TradingEnvironment(walk(bars, seed), config.model_copy(update=changes))


def agent_on(env: TradingEnvironment, agent_type: str = "ppo", **changes: Any) -> RLAgent:
    """A small agent that fits the environment, always the same one."""
    return create_rl_agent(
        agent_type, env.observation_space_dim, env.action_space_dim, small(agent_type, **changes), device="cpu"
    )


def training_config(**changes: Any) -> RLTrainingConfig:
    """Forty episodes, four at once, evaluated every ten."""
    quick = {"total_episodes": 40, "environments": 4, "eval_frequency": 10, "eval_episodes": 2, "progress": False}
    return RLTrainingConfig(**{**quick, **changes})


def train(
    callbacks: list[RLCallback] | None = None,
    agent_type: str = "ppo",
    env: TradingEnvironment | None = None,
    agent: RLAgent | None = None,
    arguments: dict[str, Any] | None = None,
    **changes: Any,
) -> tuple[RLAgent, dict[str, Any]]:
    """A training with `changes` to the config, and `given` to train_rl_agent; the agent and its metrics."""
    env = env or environment(agent_type)
    agent = agent or agent_on(env, agent_type)
    metrics = train_rl_agent(agent, env, training_config(**changes), callbacks, **(arguments or {}))
    return agent, metrics


def weights(agent: RLAgent) -> dict[str, bytes]:
    """Everything learned, to the last bit."""
    return {name: tensor.detach().numpy().tobytes() for name, tensor in agent.algorithm.tensors().items()}


def timeless(metrics: dict[str, Any]) -> dict[str, Any]:
    """The metrics without what depends on the clock."""
    return {name: value for name, value in metrics.items() if name not in {"seconds", "steps_per_second"}}
