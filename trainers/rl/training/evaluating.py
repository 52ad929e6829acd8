"""Evaluation of an agent: episodes of its deterministic policy, without any effect on its training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from trainers.rl.agents.randomness import Randomness
from trainers.rl.environments.environment import TradingEnvironment
from trainers.rl.training.record import Episode

if TYPE_CHECKING:
    from trainers.rl.agents.agent import RLAgent

PlayableEnv = gymnasium.Env[Any, Any]


def play_episodes(agent: RLAgent, env: PlayableEnv, episodes: int, seed: int) -> list[Episode]:
    """Episodes of the deterministic agent, with the same starts for the same seed at any point of a training."""
    with Randomness(seed).active():  # an environment may draw from the generators that the training draws from
        if isinstance(env, TradingEnvironment):
            summaries = _side_by_side(agent, env, episodes, seed)
        else:
            summaries = [_one(agent, env, seed + number) for number in range(episodes)]
    return [Episode.of(row, number=number, timesteps=0) for number, row in enumerate(summaries, start=1)]


def _side_by_side(agent: RLAgent, env: TradingEnvironment, episodes: int, seed: int) -> list[dict[str, Any]]:
    vector = env.vectorised(episodes, seed=seed)
    summaries: dict[int, dict[str, Any]] = {}
    observations: Any = vector.reset()
    while len(summaries) < episodes:
        observations, _, dones, infos = vector.step(agent.select_action(observations))
        for i in np.flatnonzero(dones):
            # An environment whose episode has ended goes on with another one, which is not counted.
            summaries.setdefault(int(i), infos[i]["episode"])
    return [summaries[i] for i in range(episodes)]


def _one(agent: RLAgent, env: PlayableEnv, seed: int) -> dict[str, Any]:
    observation, _ = env.reset(seed=seed)
    total, length, ended = 0.0, 0, False
    while not ended:
        observation, reward, terminated, truncated, info = env.step(agent.select_action(observation))
        total, length, ended = total + float(reward), length + 1, terminated or truncated
    return {"r": total, "l": length, **info.get("episode", {})}
