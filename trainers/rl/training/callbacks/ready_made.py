"""Ready-made callbacks: store weights, evaluate, stop early, and log trading metrics."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

from config.errors import UsageError
from trainers.common.writable import require_writable
from trainers.rl.training.callbacks.base import RLCallback, TrainingView
from trainers.rl.training.record import Episode, Evaluation

if TYPE_CHECKING:
    import gymnasium

    from trainers.rl.environments.environment import TradingEnvironment

log = logging.getLogger(__name__)


class Every:
    """Detects when a growing count passes another multiple of `frequency`."""

    def __init__(self, frequency: int) -> None:
        self.frequency = frequency
        self.passed = 0

    def due(self, count: int) -> bool:
        """Whether a multiple was passed since it last returned True."""
        passed = count // self.frequency
        due, self.passed = passed > self.passed, passed
        return due


class CheckpointCallback(RLCallback):
    """Saves the agent's weights every `save_freq` timesteps; only the newest `keep` files stay.

    Timesteps are counted over all environments. These files have no optimiser state and no replay buffer;
    to resume a training, give its config a `checkpoint_folder`.
    """

    def __init__(self, save_freq: int = 1_000, save_path: str | Path = "checkpoints", *, keep: int = 5) -> None:
        self.folder = Path(save_path)
        self.keep = _at_least_one("keep", keep)
        self.saved: list[str] = []
        self._every = Every(_at_least_one("save_freq", save_freq))

    def on_training_start(self, training: TrainingView) -> None:  # noqa: ARG002
        """Refuse a folder that cannot be written."""
        require_writable(self.folder)

    def on_step(self, training: TrainingView) -> None:
        """Save if it is due."""
        if not self._every.due(training.timesteps):
            return
        name = f"{training.agent.agent_type}_{training.timesteps:09d}.safetensors"
        training.agent.save(self.folder / name)
        self.saved.append(name)
        while len(self.saved) > self.keep:
            (self.folder / self.saved.pop(0)).unlink(missing_ok=True)

    def state(self) -> dict[str, Any]:
        """The names of the saved files."""
        return {"saved": list(self.saved), "passed": self._every.passed}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a `state`."""
        self.saved, self._every.passed = list(state["saved"]), state["passed"]


class EvalCallback(RLCallback):
    """Evaluates the deterministic agent on `eval_env` for `n_eval_episodes`, every `eval_freq` episodes of training.

    The episodes are always the same, so that evaluations can be compared, and they do not affect the training. The
    agent with the highest mean reward is saved as `best_model.safetensors` in `best_model_save_path`.
    """

    def __init__(
        self,
        eval_env: TradingEnvironment | gymnasium.Env[Any, Any],
        eval_freq: int = 100,
        n_eval_episodes: int = 5,
        best_model_save_path: str | Path | None = None,
    ) -> None:
        self.eval_env = eval_env
        self.n_eval_episodes = _at_least_one("n_eval_episodes", n_eval_episodes)
        self.best_model = None if best_model_save_path is None else Path(best_model_save_path, "best_model.safetensors")
        self.best_reward = -math.inf
        self._every = Every(_at_least_one("eval_freq", eval_freq))

    def on_training_start(self, training: TrainingView) -> None:
        """Refuse an environment that the agent cannot be evaluated on, and a folder that cannot be written."""
        training.require_evaluable(self.eval_env)
        if self.best_model is not None:
            require_writable(self.best_model.parent)

    def on_step(self, training: TrainingView) -> None:
        """Evaluate if it is due; save the agent if it is the best so far."""
        if not self._every.due(training.episodes):
            return
        evaluation = training.evaluate(self.eval_env, self.n_eval_episodes)
        if evaluation.reward > self.best_reward:
            self.best_reward = evaluation.reward
            if self.best_model is not None:
                training.agent.save(self.best_model)

    def state(self) -> dict[str, Any]:
        """The best reward so far."""
        best = self.best_reward if math.isfinite(self.best_reward) else None
        return {"best_reward": best, "passed": self._every.passed}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a `state`."""
        self.best_reward = -math.inf if state["best_reward"] is None else state["best_reward"]
        self._every.passed = state["passed"]


class EarlyStoppingRLCallback(RLCallback):
    """Ends a training whose reward no longer rises.

    With the monitor `reward` it checks the mean reward of the newest `window` episodes after each episode, however many
    environments play at once; with `evaluation`, the mean reward of each evaluation. After `patience` checks in a row
    without a value more than `min_delta` above the best one, the training ends.
    """

    def __init__(
        self,
        patience: int = 50,
        min_delta: float = 0.01,
        *,
        monitor: Literal["reward", "evaluation"] = "reward",
        window: int = 100,
    ) -> None:
        if not min_delta >= 0.0 or monitor not in {"reward", "evaluation"}:
            raise UsageError(
                "training.callback",
                f"min_delta is {min_delta}, monitor {monitor!r}.",
                'Give a min_delta of 0 or more, and the monitor "reward" or "evaluation".',
            )
        self.patience = _at_least_one("patience", patience)
        self.min_delta = min_delta
        self.monitor = monitor
        self.window = _at_least_one("window", window)
        self.best: float | None = None
        self.waited = 0

    def on_training_start(self, training: TrainingView) -> None:
        """Refuse the monitor `evaluation` in a training without evaluations."""
        evaluated = any(isinstance(callback, EvalCallback) for callback in training.callbacks)
        if self.monitor == "evaluation" and not evaluated:
            raise UsageError(
                "training.callback",
                "The training is to stop early by its evaluations, and there are none.",
                'Give train_rl_agent an eval_env or an EvalCallback, or stop by monitor="reward".',
            )

    def on_episode_end(self, training: TrainingView, episode: Episode) -> bool:
        """Check the mean reward of the newest episodes."""
        if self.monitor != "reward" or episode.number < self.window:
            return True
        return self._check(fmean(row.reward for row in training.record.episodes[-self.window :]))

    def on_evaluation(self, training: TrainingView, evaluation: Evaluation) -> bool:  # noqa: ARG002
        """Check the reward of the evaluation."""
        return self.monitor != "evaluation" or self._check(evaluation.reward)

    def _check(self, reward: float) -> bool:
        better = self.best is None or reward > self.best + self.min_delta
        if better:
            self.best = reward
        self.waited = 0 if better else self.waited + 1
        return self.waited < self.patience

    def state(self) -> dict[str, Any]:
        """The best value, and the number of checks since."""
        return {"best": self.best, "waited": self.waited}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a `state`."""
        self.best, self.waited = state["best"], state["waited"]


class TradingMetricsCallback(RLCallback):
    """Logs the mean results of every `log_freq` episodes; all rows are in the metrics of the training."""

    def __init__(self, log_freq: int = 10) -> None:
        self.history: list[dict[str, Any]] = []
        self.log_freq = _at_least_one("log_freq", log_freq)

    def on_episode_end(self, training: TrainingView, episode: Episode) -> None:
        """Add a row if it is due."""
        if episode.number % self.log_freq:
            return
        newest = training.record.episodes[-self.log_freq :]
        row = Evaluation.of(newest, episodes=episode.number, timesteps=episode.timesteps).to_dict()
        del row["rewards"]
        self.history.append(row)
        log.info("%s", ", ".join(f"{name} {value}" for name, value in row.items() if value is not None))

    def metrics(self) -> dict[str, Any]:
        """Every row."""
        return {"trading": self.history}

    def state(self) -> dict[str, Any]:
        """Every row."""
        return {"history": self.history}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a `state`."""
        self.history = list(state["history"])


def _at_least_one(name: str, value: int) -> int:
    if value < 1:
        raise UsageError("training.callback", f"{name} is {value}; it counts from 1.", f"Give {name} 1 or more.")
    return value
