"""Checkpoints of any model, each with its metric and metadata; the best ones stay on disk."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any, Literal, Protocol

from config.errors import NightdeskError, UsageError
from config.publish import publishing_folder
from trainers.common.writable import require_writable
from trainers.manifest import sha256_file
from trainers.safe_files import corrupt, is_executable, json_bytes, read_json

_PREFIX, _MODEL, _METADATA = "checkpoint_", "model", "metadata.json"


class Saved(Protocol):
    """A model that can save itself to a file, or to files in a folder, and load them."""

    def save(self, path: Path) -> Any:
        """Write to the path."""

    def load(self, path: Path) -> Any:
        """Read from it."""


class ModelCheckpointer:
    """Stores the `keep` best checkpoints of a model in a folder: of the lowest metric, or the highest by `mode` "max".

    Each is published atomically: the files of `model.save` and `metadata.json`, which holds the metric, the hashes of
    the files and the metadata. Executable formats such as pickles are neither stored nor loaded.
    """

    def __init__(self, folder: str | Path, *, mode: Literal["min", "max"] = "min", keep: int = 3) -> None:
        if keep < 1 or mode not in {"min", "max"}:
            raise UsageError(
                "checkpoints.invalid",
                f"keep is {keep}, mode {mode!r}.",
                'Keep 1 or more, by the mode "min" or "max".',
            )
        self.folder = Path(folder)
        self.sign = 1.0 if mode == "max" else -1.0
        self.keep = keep
        require_writable(self.folder)

    def save(self, model: Saved, metric: float, metadata: dict[str, Any] | None = None) -> Path | None:
        """Publish a checkpoint and delete those no longer among the best; None if it is not among them itself."""
        if not math.isfinite(metric):
            raise NightdeskError(
                "checkpoints.metric",
                f"The metric of this checkpoint is {metric}, which is neither better nor worse than another.",
                "Save only what could be measured.",
            )
        path = self.folder / f"{_PREFIX}{self._next():06d}"
        with publishing_folder(path) as temp:
            model.save(temp / _MODEL)
            document = {"metric": metric, "files": _hashes(temp), "metadata": metadata or {}}
            (temp / _METADATA).write_bytes(json_bytes(document))
        for worse in self.ranked()[self.keep :]:
            shutil.rmtree(worse)
        return path if path.exists() else None

    def ranked(self) -> list[Path]:
        """Every checkpoint, best first; of equal ones the older first."""
        return sorted(self._all(), key=lambda path: (-self.sign * self.metric(path), path.name))

    def best_path(self) -> Path | None:
        """The best checkpoint, or None before the first."""
        return next(iter(self.ranked()), None)

    def metric(self, path: Path) -> float:
        """The metric of a checkpoint."""
        value = read_json(path / _METADATA).get("metric")
        if not isinstance(value, int | float):
            raise corrupt(f"{path.name}/{_METADATA}", "it has no metric")
        return float(value)

    def load_best(self, model: Saved) -> dict[str, Any]:
        """Load the best checkpoint into the model and return its metadata."""
        best = self.best_path()
        if best is None:
            raise NightdeskError(
                "checkpoints.none", f"There is no checkpoint in {self.folder}.", "Save one before one is loaded."
            )
        return self.load(model, best)

    def load(self, model: Saved, path: Path) -> dict[str, Any]:
        """Load a checkpoint into the model, if its files have their recorded hashes, and return its metadata."""
        document = read_json(path / _METADATA)
        if document.get("files") != _hashes(path):
            raise corrupt(path.name, "its files are not the ones that were saved")
        model.load(path / _MODEL)
        metadata: dict[str, Any] = document["metadata"]
        return metadata

    def _all(self) -> list[Path]:
        return [path for path in self.folder.glob(f"{_PREFIX}*") if path.is_dir()]

    def _next(self) -> int:
        return max((int(path.name.removeprefix(_PREFIX)) for path in self._all()), default=0) + 1


def _hashes(folder: Path) -> dict[str, str]:
    """The sha256 of every file but the metadata; refuses what is executable."""
    hashes = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or name == _METADATA:
            continue
        if is_executable(path):
            raise NightdeskError(
                "model.unsafe",
                f"{name} is a pickle or an archive that may hold one; reading it would run whatever code is in it.",
                "Let the model's save write its tensors with safetensors, and the rest as JSON.",
            )
        hashes[name] = sha256_file(path)
    return hashes
