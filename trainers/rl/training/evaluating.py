"""An agent is tried: it plays episodes by what it has learned, and nothing of its training changes."""

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


def played(agent: RLAgent, env: PlayableEnv, episodes: int, seed: int) -> list[Episode]:
    """`episodes` episodes of the deterministic agent, the same ones for the same seed, however far it is trained."""
    with Randomness(seed).active():  # an environment may draw from the generators that the training draws from
        if isinstance(env, TradingEnvironment):
            told = _side_by_side(agent, env, episodes, seed)
        else:
            told = [_one(agent, env, seed + number) for number in range(episodes)]
    return [Episode.of(row, number=number, timesteps=0) for number, row in enumerate(told, start=1)]


def _side_by_side(agent: RLAgent, env: TradingEnvironment, episodes: int, seed: int) -> list[dict[str, Any]]:
    vector = env.vectorised(episodes, seed=seed)
    told: dict[int, dict[str, Any]] = {}
    observations: Any = vector.reset()
    while len(told) < episodes:
        observations, _, dones, infos = vector.step(agent.select_action(observations))
        for i in np.flatnonzero(dones):
            told.setdefault(
                int(i), infos[i]["episode"]
            )  # who has ended goes on with a next one, which nobody asked for
    return [told[i] for i in range(episodes)]


def _one(agent: RLAgent, env: PlayableEnv, seed: int) -> dict[str, Any]:
    observation, _ = env.reset(seed=seed)
    total, length, ended = 0.0, 0, False
    while not ended:
        observation, reward, terminated, truncated, info = env.step(agent.select_action(observation))
        total, length, ended = total + float(reward), length + 1, terminated or truncated
    return {"r": total, "l": length, **info.get("episode", {})}
