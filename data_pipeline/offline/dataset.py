"""`OfflineDataset`: rows of states and decisions, checked, and their file, an npz without pickled objects."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from config.errors import NightdeskError
from config.publish import publish_bytes
from data_pipeline.actions import CHOICES
from data_pipeline.policy_states.states import NAMES

Rows = NDArray[np.intp]
ACTION_NAMES = ("HOLD", "BUY", "SELL")  # by their codes, those of `actions.CHOICES`
_REQUIRED = ("states", "actions")
_KINDS = {"states": "f", "actions": "iu", "strengths": "f", "rewards": "f", "times": "iu", "symbols": "U"}
_DTYPES = {"states": np.float32, "actions": np.int64, "strengths": np.float32, "rewards": np.float32, "times": np.int64}
_WORDS = {"f": "floating-point numbers", "iu": "whole numbers", "U": "text"}
_AGAIN = "Write the dataset again with OfflineDatasetGenerator.save_dataset, or with numpy.savez and the keys"
_CURE = f"{_AGAIN} states (N, {len(NAMES)}), actions (N,) and, if known, strengths, rewards, times, symbols (N,)."


@dataclass(frozen=True, eq=False)
class OfflineDataset:
    """N decisions of a teacher, each with the state it was made in.

    Args:
        states: [N, 34] float32, finite.
        actions: [N] 0 hold, 1 buy, 2 sell.
        strengths: [N] float32 from 0 to 1; None where they are not recorded.
        rewards: [N] float32, the net return of the account over the next bar; None where not recorded.
        times: [N] when each state was known, in nanoseconds since 1970; None means rows in the order of time.
        symbols: [N] whose states they are; None means one symbol.
    """

    states: NDArray[np.float32]
    actions: NDArray[np.int64]
    strengths: NDArray[np.float32] | None = None
    rewards: NDArray[np.float32] | None = None
    times: NDArray[np.int64] | None = None
    symbols: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        _check("the dataset", self.arrays())
        for name, array in self.arrays().items():
            object.__setattr__(self, name, array.astype(_DTYPES.get(name, array.dtype)))

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def counts(self) -> NDArray[np.int64]:
        """[3] how often hold, buy and sell were decided."""
        return np.bincount(self.actions, minlength=len(ACTION_NAMES)).astype(np.int64)

    def rows(self, rows: Rows) -> OfflineDataset:
        """The same of some rows."""
        return OfflineDataset(**{name: array[rows] for name, array in self.arrays().items()})

    @classmethod
    def joined(cls, parts: Sequence[OfflineDataset]) -> OfflineDataset:
        """The rows of several datasets, one after the other; an array that one of them lacks is left out."""
        arrays = [part.arrays() for part in parts]
        shared = set.intersection(*(set(part) for part in arrays)) if arrays else set()
        return cls(**{name: np.concatenate([part[name] for part in arrays]) for name in _KINDS if name in shared})

    def in_order(self) -> OfflineDataset:
        """The rows in the order of time; at equal times as they are."""
        return self if self.times is None else self.rows(np.argsort(self.times, kind="stable"))

    def save(self, path: str | Path) -> None:
        """Publish the npz file."""
        data = io.BytesIO()
        arrays: dict[str, Any] = self.arrays()
        np.savez(data, **arrays)
        publish_bytes(Path(path), data.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read an npz file, every array checked; nothing in it is unpickled."""
        arrays = _read(Path(path))
        _check(Path(path).name, arrays)
        return cls(**arrays)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays that it has, by name."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: array for name, array in named.items() if array is not None}


def _read(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays that a dataset has; others in the file are not looked at."""
    try:
        with path.open("rb") as stream:  # numpy leaves the file open where it is torn
            file = np.load(stream, allow_pickle=False)
            if isinstance(file, np.ndarray):
                _fail("format", f"In {path.name} there is one array, and none by name.", _CURE)
            return {name: np.asarray(file[name]) for name in _KINDS if name in file.files}
    except FileNotFoundError as error:
        raise NightdeskError("dataset.missing", f"There is no dataset {path}.", "Name an npz file.") from error
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise NightdeskError(
            "dataset.format", f"{path.name} cannot be read as an npz file of plain arrays: {error}.", _CURE
        ) from error


def _check(name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Raise unless the arrays are those of a dataset."""
    missing = [key for key in _REQUIRED if key not in arrays]
    if missing:
        _fail("keys", f"No {' and no '.join(missing)} in {name}; it has {', '.join(arrays) or 'no array'}.", _CURE)
    rows = len(arrays["actions"]) if arrays["actions"].ndim else 0
    for key, array in arrays.items():
        shape = (rows, len(NAMES)) if key == "states" else (rows,)
        if array.shape != shape:
            _fail("shape", f"{key} in {name} have the shape {array.shape}, where {shape} belongs.", _CURE)
        if array.dtype.kind not in _KINDS[key]:
            _fail("dtype", f"{key} in {name} are of the type {array.dtype}.", f"Give {_WORDS[_KINDS[key]]}.")
    if rows == 0:
        _fail("empty", f"No decision is in {name}.", "Choose a longer span, or a symbol for which there are decisions.")
    _check_values(name, arrays)


def _check_values(name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    unknown = ~np.isin(arrays["actions"], list(CHOICES.strengths))
    if unknown.any():
        row = int(np.argmax(unknown))
        _fail(
            "action",
            f"Action {arrays['actions'][row]} in row {row} of {name} is unknown ({unknown.sum()} such rows).",
            f"The codes are {CHOICES.name}; convert others with data_pipeline.actions.",
        )
    for key in ("states", "strengths", "rewards"):
        wrong = ~np.isfinite(arrays.get(key, np.zeros(1)))
        if wrong.any():
            row = int(np.argwhere(wrong)[0, 0])
            cure = "Leave out rows in which not everything is known, such as those of a warm-up."
            _fail("value", f"{key} in row {row} of {name} hold a number that is not finite.", cure)
    strengths = arrays.get("strengths", np.zeros(1))
    outside = ~((strengths >= 0.0) & (strengths <= 1.0))
    if outside.any():
        row = int(np.argmax(outside))
        cure = "Give strengths from 0 to 1; the action says whether it is a buy or a sell."
        _fail("value", f"The strength in row {row} of {name} is {strengths[row]}.", cure)


def _fail(code: str, problem: str, cure: str) -> NoReturn:
    raise NightdeskError(f"dataset.{code}", problem[:1].upper() + problem[1:], cure)
