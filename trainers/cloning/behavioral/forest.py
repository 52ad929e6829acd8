"""The behavioural cloner: a random forest that learns when an expert bought, sold and held."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TextIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from config.errors import NightdeskError, UsageError
from config.publish import publish_bytes
from config.section import Section
from data_pipeline.actions import ACTIONS
from data_pipeline.experts.expert_log import ExpertLog, label, load_expert_log
from data_pipeline.labels.splits import holdout, purged_folds
from trainers.cloning.behavioral.columns import FeatureColumns, Floats, Labels, Matrix
from trainers.cloning.behavioral.config import BehavioralClonerConfig
from trainers.cloning.behavioral.flat_forest import FlatForest
from trainers.cloning.behavioral.report import labels_text, training_text
from trainers.interface import Progress, no_progress
from trainers.safe_files import described, read_tensors, tensor_bytes

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

MIN_ROWS = 20
_ACTIONS = np.array(list(ACTIONS))
_CONVERT = (
    "Train the model here again. Where you trust the file, load it yourself in the environment that wrote it, hand the "
    "forest to BehavioralCloner.from_sklearn(forest, feature_names), then save_brain."
)


class _Brain(Section):
    """The metadata of a saved brain, stored with its node arrays."""

    kind: Literal["behavioral_cloner"] = "behavioral_cloner"
    format: Literal[1] = 1
    config: BehavioralClonerConfig
    features: tuple[str, ...] = Field(strict=False)


class BehavioralCloner:
    """Learns an expert's actions (-1 sell, 0 hold, 1 buy) from features, and predicts what the expert would do.

    Args:
        config: how the forest is grown and measured.
        stream: where the label distribution and the training report are printed; standard output if None.
    """

    def __init__(self, config: BehavioralClonerConfig | None = None, stream: TextIO | None = None) -> None:
        self.config = config or BehavioralClonerConfig()
        self.stream = stream
        self._forest: FlatForest | None = None

    @classmethod
    def from_sklearn(cls, forest: RandomForestClassifier, feature_names: list[str]) -> Self:
        """A cloner around a forest that was fitted elsewhere on the labels -1, 0, 1."""
        cloner = cls()
        cloner._forest = FlatForest.from_sklearn(forest, FeatureColumns(tuple(feature_names)))
        return cloner

    @property
    def forest(self) -> FlatForest:
        """The trained forest."""
        if self._forest is None:
            raise UsageError(
                "predict.untrained", "This cloner has not been trained.", "Call train_model or load_brain first."
            )
        return self._forest

    def prepare_labels(
        self, market_data: pd.DataFrame, trade_logs: pd.DataFrame | str | Path, verbose: bool = True
    ) -> pd.DataFrame:
        """The market data with the expert's action of each row as `target`; rows without a trade are 0, hold."""
        log = load_expert_log(trade_logs)
        target, off_calendar = label(market_data, log)
        labelled = market_data.assign(target=target)
        if verbose:
            self._print(labels_text(labelled["target"].to_numpy(), _log_issues(log, off_calendar)))
        return labelled

    def train_model(
        self,
        X: Matrix,
        y: pd.Series | NDArray[Any],
        verbose: bool = True,
        progress: Progress = no_progress,
    ) -> dict[str, Any]:
        """Fit on the first part of the rows, measure on the last; the rows must be in time order."""
        from trainers.cloning.behavioral.scikit import measure  # noqa: PLC0415 -- predicting must not load scikit-learn

        columns, matrix, labels = _checked(X, y)
        train, test = holdout(len(labels), self.config.test_size, self.config.purge)
        forest = self._fit(columns, matrix[train], labels[train], progress)
        metrics = measure(
            forest,
            columns.names,
            (matrix[train], labels[train]),
            (matrix[test], labels[test]),
            self.config.random_state,
        )
        if verbose:
            self._print(training_text(metrics))
        return metrics

    def fit(self, X: Matrix, y: pd.Series | NDArray[Any], progress: Progress = no_progress) -> None:
        """Fit on every row, with nothing held back to measure on."""
        self._fit(*_checked(X, y), progress)

    def cross_validate(self, X: Matrix, y: pd.Series | NDArray[Any], n_folds: int = 5) -> dict[str, Any]:
        """Accuracy over consecutive test spans, each seen by a forest grown on the rest; this cloner stays as it is."""
        columns, matrix, labels = _checked(X, y)
        scores, rows = [], np.arange(len(labels))
        for train, test in purged_folds(rows, rows + self.config.purge, n_folds):
            fold = BehavioralCloner(self.config)
            fold._fit(columns, matrix[train], labels[train], no_progress)
            scores.append(float(np.mean(fold.predict(matrix[test]) == labels[test])))
        return {
            "fold_accuracy": scores,
            "mean_accuracy": float(np.mean(scores)),
            "std_accuracy": float(np.std(scores)),
        }

    def predict(self, X: Matrix) -> NDArray[np.int64]:
        """The most probable action of each row: -1 sell, 0 hold, 1 buy."""
        actions: NDArray[np.int64] = _ACTIONS[self.predict_proba(X).argmax(axis=1)]
        return actions

    def predict_proba(self, X: Matrix) -> Floats:
        """The probabilities of each row; columns are always sell, hold, buy."""
        return self.forest.predict_proba(X)

    def position_sizes(self, X: Matrix, max_size: float = 1.0) -> Floats:
        """Signed sizes: `max_size` times the probability of the predicted action; 0 for hold."""
        proba = self.predict_proba(X)
        sizes: Floats = _ACTIONS[proba.argmax(axis=1)] * proba.max(axis=1) * max_size
        return sizes

    def save_brain(self, filename: str | Path) -> None:
        """Write one file of node arrays and JSON, whatever its suffix; it holds nothing that could be executed."""
        description = _Brain(config=self.config, features=self.forest.columns.names).model_dump(mode="json")
        publish_bytes(Path(filename), tensor_bytes(self.forest.tensors(), description))

    def load_brain(self, filename: str | Path) -> None:
        """Read what `save_brain` wrote; a pickle is refused unread."""
        path = Path(filename)
        if not path.is_file():
            raise UsageError("model.missing", f"There is no brain {path}.", "Train a model and save_brain it there.")
        try:
            tensors, description = read_tensors(path)
        except NightdeskError as error:
            if error.code != "model.unsafe":
                raise
            raise NightdeskError(error.code, error.message, _CONVERT) from error
        brain = described(path.name, _Brain, description)
        self._forest = FlatForest.from_tensors(tensors, FeatureColumns(brain.features))
        self.config = brain.config

    def _fit(
        self, columns: FeatureColumns, matrix: Floats, labels: Labels, progress: Progress
    ) -> RandomForestClassifier:
        from trainers.cloning.behavioral.scikit import grow  # noqa: PLC0415 -- predicting must not load scikit-learn

        _refuse_single_class(labels)
        forest = grow(matrix, labels, self.config, self.config.random_state, progress)
        self._forest = FlatForest.from_sklearn(forest, columns)
        return forest

    def _print(self, text: str) -> None:
        (self.stream or sys.stdout).write(text + "\n")


def _checked(X: Matrix, y: pd.Series | NDArray[Any]) -> tuple[FeatureColumns, Floats, Labels]:
    """Features and labels as arrays, or an error that says what is wrong with them."""
    columns = FeatureColumns.of(X)
    matrix, labels = columns.matrix(X), np.asarray(y)
    if len(matrix) != len(labels) or (
        isinstance(X, pd.DataFrame) and isinstance(y, pd.Series) and not X.index.equals(y.index)
    ):
        raise NightdeskError(
            "training.misaligned",
            f"X has {len(matrix)} rows and y has {len(labels)}, and they are not the same rows.",
            "Take both from the frame that prepare_labels returned.",
        )
    if isinstance(X, pd.DataFrame) and isinstance(X.index, pd.DatetimeIndex) and not X.index.is_monotonic_increasing:
        raise NightdeskError("training.unordered", "The rows of X are not in time order.", "Sort them by their time.")
    if len(labels) < MIN_ROWS:
        raise NightdeskError(
            "training.too_few_rows",
            f"There are {len(labels)} rows to learn from; at least {MIN_ROWS} are needed.",
            "Give a longer history; rows inside the indicators' warm-up do not count.",
        )
    odd = [label for label in np.unique(labels).tolist() if label not in ACTIONS]
    if odd:
        raise NightdeskError(
            "training.labels", f"y holds {odd[0]!r}, which is no action.", "Label with -1 (sell), 0 (hold), 1 (buy)."
        )
    columns.refuse_undefined(matrix)
    return columns, matrix, labels.astype(np.int64)


def _refuse_single_class(labels: Labels) -> None:
    present = np.unique(labels).tolist()
    if len(present) < 2:
        only = ", ".join(ACTIONS[action] for action in present) or "no action"
        raise NightdeskError(
            "training.single_class",
            f"In the {len(labels)} rows of the training span the expert's only action is {only}; that teaches nothing.",
            "Check that the log says buy or sell, and that its dates are sessions within the training span.",
        )


def _log_issues(log: ExpertLog, off_calendar: list[pd.Timestamp]) -> list[str]:
    """The rows of the log that were not used as they stand, one note for each reason."""
    notes = [f"Unknown action {action!r}: {count} rows, taken as hold" for action, count in log.unknown.items()]
    if log.duplicates:
        notes.append(f"Repeated dates: {log.duplicates} rows, the first of each date counts")
    if off_calendar:
        examples = ", ".join(f"{date:%Y-%m-%d}" for date in off_calendar[:5])
        notes.append(
            f"Dates without a bar: {len(off_calendar)}, not used ({examples}{', ...' if len(off_calendar) > 5 else ''})"
        )
    return notes
