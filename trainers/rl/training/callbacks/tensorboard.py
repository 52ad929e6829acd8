"""TensorBoard logs, if configured: losses, rewards and trading results over the timesteps of a training."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import UsageError
from trainers.common.writable import require_writable
from trainers.rl.training.callbacks.base import RLCallback, TrainingView
from trainers.rl.training.record import Episode, Evaluation

if TYPE_CHECKING:
    from stable_baselines3.common.logger import Logger, TensorBoardOutputFormat


_FIGURES = ("total_return", "sharpe_ratio", "max_drawdown")


class TensorBoardCallback(RLCallback):
    """Writes the algorithm's log, with returns and drawdowns, to a folder for TensorBoard."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._logger: Logger | None = None
        self._output: TensorBoardOutputFormat | None = None

    def on_training_start(self, training: TrainingView) -> None:
        """Open the log."""
        if importlib.util.find_spec("tensorboard") is None:
            raise UsageError(
                "training.tensorboard",
                "The training is to log for TensorBoard, which is not installed.",
                "Install it (pip install 'nightdesk[tensorboard]'), or leave `tensorboard` out of the config.",
            )
        from stable_baselines3.common.logger import TensorBoardOutputFormat  # noqa: PLC0415 -- it imports TensorBoard

        require_writable(self.folder)
        self._logger = training.agent.algorithm.logger
        self._output = TensorBoardOutputFormat(str(self.folder))
        self._logger.output_formats.append(self._output)

    def on_episode_end(self, training: TrainingView, episode: Episode) -> None:  # noqa: ARG002
        """Add to the means of the next entry."""
        self._record("trading", episode)

    def on_evaluation(self, training: TrainingView, evaluation: Evaluation) -> None:  # noqa: ARG002
        """Add to the next entry."""
        if self._logger is not None:
            self._logger.record("evaluation/reward", evaluation.reward)
        self._record("evaluation", evaluation)

    def _record(self, group: str, figures: Episode | Evaluation) -> None:
        for name in _FIGURES:
            if self._logger is not None and (value := getattr(figures, name)) is not None:
                self._logger.record_mean(f"{group}/{name}", value)

    def on_training_end(self, training: TrainingView) -> None:
        """Write the last values, and close the log."""
        if self._logger is not None and self._output is not None:
            self._logger.dump(training.timesteps)
            self._logger.output_formats.remove(self._output)
            self._output.close()
