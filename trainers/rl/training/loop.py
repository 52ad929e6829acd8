"""`train_rl_agent`: the training loop of an agent, with callbacks, evaluations and checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from config.errors import NightdeskError, UsageError
from trainers.common.writable import require_writable
from trainers.rl.agents.agent import RLAgent
from trainers.rl.environments.environment import TradingEnvironment
from trainers.rl.training.callbacks.base import CallbackList, RLCallback
from trainers.rl.training.callbacks.progress import RLProgressTracker
from trainers.rl.training.callbacks.ready_made import EvalCallback
from trainers.rl.training.callbacks.tensorboard import TensorBoardCallback
from trainers.rl.training.checkpoint import checkpoints, resume, save_checkpoint
from trainers.rl.training.config import RLTrainingConfig
from trainers.rl.training.evaluating import PlayableEnv, play_episodes
from trainers.rl.training.record import Episode, Evaluation, TrainingRecord
from trainers.rl.training.setup import configure, longest_episode, require_playable, vector


def _never() -> bool:
    return False


class Training:
    """One training; its callbacks see it as a `TrainingView`."""

    def __init__(
        self, agent: RLAgent, env: PlayableEnv | VecEnv, config: RLTrainingConfig, callbacks: CallbackList
    ) -> None:
        self.agent = agent
        self.config = config
        self.callbacks = callbacks
        self.record = TrainingRecord()
        self.stopped_by: str | None = None
        self.env = vector(env, config)
        self.environments = self.env.num_envs
        self._original_env = env

    @property
    def timesteps(self) -> int:
        """Steps played, of all environments together."""
        return self.record.timesteps

    @property
    def episodes(self) -> int:
        """Episodes that have ended."""
        return len(self.record.episodes)

    @property
    def fraction(self) -> float:
        """The part of the training that is done, 0 to 1."""
        done = [0.0]
        if self.config.last_episode is not None:
            done.append(self.episodes / self.config.last_episode)
        if self.config.total_timesteps is not None:
            done.append(self.timesteps / self.config.total_timesteps)
        return min(max(done), 1.0)

    def stop(self, reason: str) -> None:
        """End the training after the update from the present rollout; the first reason counts."""
        self.stopped_by = self.stopped_by or reason

    def require_evaluable(self, env: PlayableEnv | VecEnv) -> None:
        """Raise unless the agent can be evaluated on this environment without disturbing the training."""
        if isinstance(env, VecEnv) or (env is self._original_env and not isinstance(env, TradingEnvironment)):
            raise UsageError(
                "training.eval_env",
                "An agent cannot be evaluated on a vector, nor on the very environment that it is learning from.",
                "Give evaluations a single environment of their own, of the same kind.",
            )
        require_playable(self.agent, env)

    def evaluate(self, env: PlayableEnv, episodes: int) -> Evaluation:
        """Evaluate the agent on `env`, always on the same episodes; every callback gets the evaluation."""
        trial = play_episodes(self.agent, env, episodes, self.config.seed)
        evaluation = Evaluation.of(trial, episodes=self.episodes, timesteps=self.timesteps)
        self.record.evaluations.append(evaluation)
        self.callbacks.on_evaluation(self, evaluation)
        return evaluation

    def steps_left(self) -> int:
        """The most steps that are still to be played."""
        limits = [] if self.config.total_timesteps is None else [self.config.total_timesteps]
        if self.config.last_episode is not None:
            rounds = -(-self.config.last_episode // self.environments)
            limits.append(rounds * self.environments * longest_episode(self.env, self.config.total_timesteps))
        return min(limits) - self.timesteps


def train_rl_agent(
    agent: RLAgent,
    env: PlayableEnv | VecEnv,
    config: RLTrainingConfig | None = None,
    callbacks: RLCallback | list[RLCallback] | None = None,
    *,
    eval_env: PlayableEnv | None = None,
    resume_from: str | Path | None = None,
    should_stop: Callable[[], bool] = _never,
) -> dict[str, Any]:
    """Train the agent on the environment; returns metrics as JSON (`TrainingRecord.metrics`, `stopped_by`, callbacks').

    A TradingEnvironment is played many times at once. Every `eval_frequency` episodes the agent is evaluated on
    `eval_env`, or on the TradingEnvironment it learns from where there is none. `resume_from` is a `checkpoint_folder`
    of an earlier training, or one checkpoint in it. When `should_stop` returns True, the training ends, with a
    checkpoint if there is a folder for it. The same agent, data, config and seed give the same agent, to the last bit,
    interrupted or not.
    """
    config = config or RLTrainingConfig()
    require_playable(agent, env)
    decisive = _all_callbacks(callbacks, env, eval_env, config)
    configure(agent, config)
    training = Training(agent, env, config, decisive)
    training.steps_left()  # raises if there is no limit
    _require_checkpoints_storable(training, resume_from)
    if resume_from is not None:
        resume(Path(resume_from), training)
    _run(training, should_stop, resumed=resume_from is not None)
    return {
        "agent": agent.agent_type,
        "stopped_by": training.stopped_by,
        **training.record.metrics(),
        **training.callbacks.metrics(),
    }


def _run(training: Training, should_stop: Callable[[], bool], *, resumed: bool) -> None:
    """Play and learn to the end of the training."""
    steps = training.steps_left()
    try:
        training.callbacks.on_training_start(training)
        if steps > 0:
            seed = None if resumed else training.config.seed
            training.agent.train(training.env, steps, _TrainingCallback(training, should_stop), seed, reset=not resumed)
        training.stop("total_timesteps")
    except _StopTraining:
        pass
    except NightdeskError:
        training.agent.require_finite()  # if the agent has diverged, that is the cause and is raised instead
        raise
    finally:
        training.callbacks.on_training_end(training)


class _StopTraining(Exception):  # noqa: N818 -- nothing is wrong
    """Ends the training between two rollouts; stable-baselines3 would discard a rollout in which it is stopped."""


class _TrainingCallback(BaseCallback):
    """Records episodes and steps of stable-baselines3, stores checkpoints, and ends the training."""

    def __init__(self, training: Training, should_stop: Callable[[], bool]) -> None:
        super().__init__()
        self.training = training
        self.should_stop = should_stop
        self.before = training.record.seconds
        self.began = time.monotonic()
        self.saved = training.timesteps

    def _on_rollout_start(self) -> None:
        training = self.training
        training.record.seconds = self.before + time.monotonic() - self.began
        # Without a checkpoint: a training that is resumed from an earlier one ends here too.
        if training.stopped_by is not None:
            raise _StopTraining
        if self.should_stop():
            self._checkpoint()
            training.stop("should_stop")
            raise _StopTraining
        if training.timesteps - self.saved >= training.config.checkpoint_frequency:
            self._checkpoint()

    def _checkpoint(self) -> None:
        if self.training.config.checkpoint_folder is not None:
            save_checkpoint(self.training.config.checkpoint_folder, self.training)
        self.saved = self.training.timesteps

    def _on_step(self) -> bool:
        training = self.training
        training.record.timesteps = self.num_timesteps
        dones = self.locals["dones"]
        if dones.any():
            for i in np.flatnonzero(dones):
                self._ended(self.locals["infos"][i]["episode"])
        training.callbacks.on_step(training)
        return True

    def _ended(self, summary: dict[str, Any]) -> None:
        training = self.training
        episode = Episode.of(summary, number=training.episodes + 1, timesteps=training.timesteps)
        training.record.episodes.append(episode)
        training.callbacks.on_episode_end(training, episode)
        if episode.number == training.config.last_episode:
            training.stop("total_episodes")


def _all_callbacks(
    own: RLCallback | list[RLCallback] | None,
    env: PlayableEnv | VecEnv,
    eval_env: PlayableEnv | None,
    config: RLTrainingConfig,
) -> CallbackList:
    """The caller's `own` callbacks and those of the config, those that only observe last."""
    callbacks = [own] if isinstance(own, RLCallback) else list(own or ())
    trial = env if eval_env is None and isinstance(env, TradingEnvironment) else eval_env
    evaluated = any(isinstance(callback, EvalCallback) for callback in CallbackList(callbacks))
    if config.eval_frequency is not None and not evaluated and trial is not None:
        callbacks.append(EvalCallback(trial, config.eval_frequency, config.eval_episodes))
    if config.tensorboard is not None:
        callbacks.append(TensorBoardCallback(config.tensorboard))
    if config.progress:
        callbacks.append(RLProgressTracker())
    return CallbackList(callbacks)


def _require_checkpoints_storable(training: Training, resume_from: str | Path | None) -> None:
    """Raise unless checkpoints can be stored, if the config has a folder for them."""
    folder = training.config.checkpoint_folder
    if folder is None:
        return
    require_writable(folder)
    if resume_from is None and (existing := checkpoints(folder)):
        raise UsageError(
            "training.checkpoints_exist",
            f"{folder} holds {len(existing)} checkpoints of another training.",
            "Go on with it by resume_from, or name another checkpoint_folder.",
        )
