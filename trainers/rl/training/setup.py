"""Preparation and checks before the first step of a training."""

from __future__ import annotations

from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

from config.errors import NightdeskError, UsageError
from trainers.rl.agents.agent import RLAgent, vectorised
from trainers.rl.environments.environment import TradingEnvironment
from trainers.rl.environments.spaces import require_same
from trainers.rl.environments.vector_environment import VectorTradingEnvironment
from trainers.rl.training.config import RLTrainingConfig
from trainers.rl.training.evaluating import PlayableEnv

# The least number of episodes for each environment of a vector, as an agent learns little from one round of them.
_GENERATIONS = 8


def configure(agent: RLAgent, config: RLTrainingConfig) -> None:
    """Give the agent the batch size of this training."""
    if config.batch_size is None or config.batch_size == getattr(agent.config, "batch_size", None):
        return
    if not hasattr(agent.config, "batch_size"):
        raise UsageError(
            "training.batch_size",
            f"batch_size is {config.batch_size}, and {agent.agent_type} learns from whole rollouts.",
            "Leave batch_size out, or set n_steps in the agent's config.",
        )
    agent.configure(batch_size=config.batch_size)


def require_playable(agent: RLAgent, env: PlayableEnv | VecEnv) -> None:
    """Raise unless the spaces of the environment are those of the agent."""
    takes_weights = isinstance(env, TradingEnvironment) and isinstance(env.action_space, spaces.Box)
    if takes_weights and isinstance(agent.action_space, spaces.Discrete):
        raise NightdeskError(
            "agent.other_spaces",
            f"The agent {agent.agent_type} chooses one of {agent.action_space.n}, "
            "and the environment takes a weight from -1 to 1.",
            'Make the environment with TradingEnvConfig(actions="discrete").',
        )
    require_same(agent.observation_space, agent.actions, env)


def vector(env: PlayableEnv | VecEnv, config: RLTrainingConfig) -> VecEnv:
    """The environments of the training as one vector, each reporting its episodes."""
    if isinstance(env, TradingEnvironment):
        return env.vectorised(_environments(config), seed=config.seed)
    return vectorised(env)


def _environments(config: RLTrainingConfig) -> int:
    """As many as configured; for few episodes a power of two, so that each environment plays several."""
    if config.last_episode is None or config.last_episode >= config.environments * _GENERATIONS:
        return config.environments
    return 1 << max(config.last_episode // _GENERATIONS, 1).bit_length() - 1


def longest_episode(env: VecEnv, otherwise: int | None) -> int:
    """The most steps of an episode, or `otherwise` if the environment does not declare it."""
    if isinstance(env, VectorTradingEnvironment):
        return env.market.longest_episode
    longest = getattr(env.get_attr("spec")[0], "max_episode_steps", None) or otherwise
    if longest is None:
        raise UsageError(
            "training.endless",
            "The environment does not say how long an episode can be, so that nobody knows when the training ends.",
            "Set total_timesteps in the config, or make the environment by gymnasium.make with max_episode_steps.",
        )
    return int(longest)
