"""The feature columns of a forest's training; every later matrix must have the same names in the same order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from config.errors import NightdeskError

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Matrix = pd.DataFrame | NDArray[Any]
_LIMIT = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class FeatureColumns:
    """Feature names in their order."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, X: Matrix) -> FeatureColumns:
        """The columns of a training matrix; those of an array are called feature_0, feature_1, ..."""
        if isinstance(X, pd.DataFrame):
            names = tuple(map(str, X.columns))
        else:
            names = tuple(f"feature_{i}" for i in range(X.shape[1] if X.ndim == 2 else 0))
        if not names or len(set(names)) != len(names):
            raise NightdeskError(
                "training.columns",
                f"The feature matrix has the columns {list(names)}; a forest needs at least one, each named once.",
                "Give it a frame or a two-dimensional array of features.",
            )
        return cls(names)

    def matrix(self, X: Matrix) -> Floats:
        """`X` as numbers, if its columns are the expected ones; of an array only the width can be compared."""
        if isinstance(X, pd.DataFrame):
            if X.columns.tolist() != list(self.names):
                self._refuse(list(map(str, X.columns)))
            return _numbers(X)
        array = _numbers(X)
        if array.ndim != 2 or array.shape[1] != len(self.names):
            _mismatch(
                f"The array has the shape {array.shape}; the model was trained on {len(self.names)} features.", self
            )
        return array

    def _refuse(self, columns: list[str]) -> NoReturn:
        missing = [name for name in self.names if name not in columns]
        extra = [name for name in columns if name not in self.names]
        if missing:
            also_unknown = f" (the frame has {', '.join(extra)} that the model was not trained on)" if extra else ""
            _mismatch(f"The frame lacks the column {', '.join(missing)}{also_unknown}.", self)
        if extra:
            _mismatch(f"The frame has the column {', '.join(extra)}, which the model was not trained on.", self)
        at = next((i for i, (a, b) in enumerate(zip(self.names, columns, strict=False)) if a != b), len(self.names))
        expected = f"; the model expects {self.names[at]!r} there" if at < len(self.names) else ", once too often"
        _mismatch(f"Column {at + 1} of the frame is {columns[at]!r}{expected}.", self)

    def refuse_undefined(self, matrix: Floats) -> None:
        """Raise for the first value that is not a finite float32, with the name of its column."""
        bad = np.argwhere(~within_range(matrix))
        if len(bad):
            row, column = bad[0]
            raise NightdeskError(
                "features.undefined",
                f"The feature {self.names[column]!r} is {matrix[row, column]} in row {row}.",
                "Drop the rows inside the indicators' warm-up (FeatureEngineer does), and mend gaps in the data.",
                column=self.names[column],
                row=int(row),
            )


def within_range(matrix: Floats) -> NDArray[np.bool_]:
    """Which values are finite numbers of float32, the precision in which a forest decides."""
    inside: NDArray[np.bool_] = np.abs(matrix) <= _LIMIT
    return inside


def _numbers(X: Matrix) -> Floats:
    try:
        values = X.to_numpy(dtype=np.float64) if isinstance(X, pd.DataFrame) else X
        return np.ascontiguousarray(values, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise NightdeskError(
            "features.not_numeric",
            f"{_first_without_numbers(X)} holds something else than numbers ({error}).",
            "Choose feature columns that hold numbers only.",
        ) from error


def _first_without_numbers(X: Matrix) -> str:
    for name in X.columns if isinstance(X, pd.DataFrame) else ():
        try:
            np.asarray(X[name], dtype=np.float64)
        except (ValueError, TypeError):
            return f"The feature {str(name)!r}"
    return "The feature matrix"


def _mismatch(problem: str, columns: FeatureColumns) -> NoReturn:
    raise NightdeskError(
        "features.mismatch",
        problem,
        f"Give it exactly these columns in this order: {', '.join(columns.names)}.",
        expected=list(columns.names),
    )
