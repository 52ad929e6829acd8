"""The base of callbacks, and the view of a training that they get: they observe it and may end it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from config.errors import NightdeskError
from trainers.rl.training.record import Episode, Evaluation, TrainingRecord

if TYPE_CHECKING:
    import gymnasium
    from stable_baselines3.common.vec_env import VecEnv

    from trainers.rl.agents.agent import RLAgent
    from trainers.rl.training.config import RLTrainingConfig


class TrainingView(Protocol):
    """A training as its callbacks and checkpoints see it.

    `environments` are played at once by `env`; `timesteps` and `episodes` count over all of them, and over everything
    before a resumption. `record` holds every episode and evaluation.
    """

    agent: RLAgent
    config: RLTrainingConfig
    callbacks: CallbackList
    record: TrainingRecord
    env: VecEnv
    environments: int

    @property
    def timesteps(self) -> int:
        """Steps played, of all environments together."""

    @property
    def episodes(self) -> int:
        """Episodes that have ended."""

    @property
    def fraction(self) -> float:
        """The part of the training that is done, 0 to 1."""

    def stop(self, reason: str) -> None:
        """End the training after the update from the present rollout; the first reason counts."""

    def require_evaluable(self, env: gymnasium.Env[Any, Any] | VecEnv) -> None:
        """Raise unless the agent can be evaluated on this environment without disturbing the training."""

    def evaluate(self, env: gymnasium.Env[Any, Any], episodes: int) -> Evaluation:
        """Let the agent play episodes on `env`, always the same ones, and report the result to every callback."""


class RLCallback:
    """Observes a training and may end it, by returning False from `on_step`, `on_episode_end` or `on_evaluation`.

    After each step of all environments come `on_episode_end` for every episode that ended with it, then `on_step`.
    What `state` returns is JSON-able and is given to `restore` when a training is resumed, so that it goes on deciding
    as it would have. `on_training_end` is called once, also after an error, for what must be closed.
    """

    def on_training_start(self, training: TrainingView) -> None:
        """Called before the first step; raise here to refuse the training."""

    def on_step(self, training: TrainingView) -> bool | None:
        """Called after a step of every environment."""

    def on_episode_end(self, training: TrainingView, episode: Episode) -> bool | None:
        """Called when an episode has ended."""

    def on_evaluation(self, training: TrainingView, evaluation: Evaluation) -> bool | None:
        """Called after an evaluation of the agent."""

    def on_training_end(self, training: TrainingView) -> None:
        """Called once after the last step."""

    def metrics(self) -> dict[str, Any]:
        """Its contribution to the metrics of the training, JSON-able."""
        return {}

    def state(self) -> dict[str, Any]:
        """The state that a resumed training needs, JSON-able."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a `state`."""


class CallbackList(RLCallback):
    """Several callbacks as one; each is called every time, in their order, also after one has stopped the training."""

    def __init__(self, callbacks: Iterable[RLCallback]) -> None:
        self.callbacks = list(callbacks)

    def __iter__(self) -> Iterator[RLCallback]:
        """Every callback, those of lists within this one too."""
        for callback in self.callbacks:
            if isinstance(callback, CallbackList):
                yield from callback
            else:
                yield callback

    def on_training_start(self, training: TrainingView) -> None:
        """Call all."""
        for callback in self:
            callback.on_training_start(training)

    def on_step(self, training: TrainingView) -> bool:
        """Call all; False if any of them ends the training."""
        return self._all(training, [(callback, callback.on_step(training)) for callback in self])

    def on_episode_end(self, training: TrainingView, episode: Episode) -> bool:
        """Call all; False if any of them ends the training."""
        return self._all(training, [(callback, callback.on_episode_end(training, episode)) for callback in self])

    def on_evaluation(self, training: TrainingView, evaluation: Evaluation) -> bool:
        """Call all; False if any of them ends the training."""
        return self._all(training, [(callback, callback.on_evaluation(training, evaluation)) for callback in self])

    def on_training_end(self, training: TrainingView) -> None:
        """Call all."""
        for callback in self:
            callback.on_training_end(training)

    def metrics(self) -> dict[str, Any]:
        """The contributions of all."""
        return {name: value for callback in self for name, value in callback.metrics().items()}

    def state(self) -> dict[str, Any]:
        """The states of all callbacks that have one, with their class names."""
        return {
            "callbacks": [{"kind": type(callback).__name__, "state": callback.state()} for callback in self._deciding()]
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore each state; the callbacks with a state must be of the same classes in the same order."""
        deciding = self._deciding()
        before, now = [row["kind"] for row in state["callbacks"]], [type(callback).__name__ for callback in deciding]
        if before != now:
            raise NightdeskError(
                "training.other_callbacks",
                f"The checkpoint was made with the callbacks {before}; these are {now}.",
                "Resume with the callbacks that the training began with, in the same order.",
            )
        for callback, row in zip(deciding, state["callbacks"], strict=True):
            callback.restore(row["state"])

    def _deciding(self) -> list[RLCallback]:
        return [callback for callback in self if callback.state()]

    @staticmethod
    def _all(training: TrainingView, answers: list[tuple[RLCallback, bool | None]]) -> bool:
        against = [type(callback).__name__ for callback, answer in answers if answer is False]
        if against:
            training.stop(against[0])
        return not against
