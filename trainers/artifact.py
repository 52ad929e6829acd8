"""Model versions on disk: published whole, read with suspicion, proved by their golden predictions."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from config.errors import NightdeskError
from config.publish import publishing_folder
from config.settings import Section
from data_pipeline.bars import COLUMNS, Bars
from data_pipeline.features import FEATURES, feature_matrix
from evaluation.drift import reference
from evaluation.signals import Signals
from trainers.interface import Model
from trainers.manifest import MANIFEST, FileEntry, Manifest, read_manifest, sha256_file, verify_files
from trainers.registry import get, validate_params
from trainers.safe_files import Tensors, corrupt, json_bytes, read_tensors, tensor_bytes

GOLDEN = "golden.safetensors"
GOLDEN_BARS = 512
LIBRARIES = ("numba", "numpy", "pandas", "safetensors", "scikit-learn", "ta-lib")
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ArtifactFacts:
    """What an artefact says of its making. `bars` are those it was trained on; the last of them become golden."""

    model_type: str
    version: str
    params: Section
    bars: Bars
    dataset: str
    provenance: str
    train_start: datetime
    train_end: datetime
    trained_at: datetime
    settings_fingerprint: str
    seed: int
    leaks: dict[str, Any] | None = None


@dataclass(frozen=True)
class Artifact:
    """A model version that was read back."""

    folder: Path
    model: Model
    manifest: Manifest


def save_artifact(folder: Path, model: Model, facts: ArtifactFacts) -> Manifest:
    """Publish `model` whole as `folder`, which must not exist yet."""
    if folder.exists():
        raise NightdeskError(
            "model.exists",
            f"The version {facts.version} of {facts.bars.symbol} {facts.model_type} exists already.",
            "A version is never written twice; choose another name for this one.",
        )
    golden = _golden_inputs(facts.bars)
    with publishing_folder(folder) as temp:
        model.save(temp)
        (temp / GOLDEN).write_bytes(
            tensor_bytes(golden | _outputs(model.signals(_golden_bars(golden, facts.bars))), {})
        )
        files = {path.name: FileEntry(sha256=sha256_file(path), bytes=path.stat().st_size) for path in temp.iterdir()}
        manifest = _manifest(model, facts, len(golden["time"]), files)
        (temp / MANIFEST).write_bytes(json_bytes(manifest.model_dump(mode="json")))
    return manifest


def load_artifact(folder: Path, expect_manifest_sha256: str | None = None) -> Artifact:
    """Read the model in `folder` after its every file was checked against the manifest."""
    manifest = read_manifest(folder)
    verify_files(folder, manifest, expect_manifest_sha256)
    validate_params(manifest.model_type, manifest.params)
    return Artifact(folder, get(manifest.model_type).load(folder), manifest)


def prove(artifact: Artifact) -> None:
    """Raise unless the model says of its golden bars, to the last bit, what it said when it was trained."""
    golden, _ = read_tensors(artifact.folder / GOLDEN)
    _check_golden(golden)
    now = _outputs(artifact.model.signals(_golden_bars(golden, artifact.manifest)))
    for name, values in now.items():
        differing = np.flatnonzero(values.view(np.int64) != golden[name].view(np.int64))
        if len(differing):
            raise _mismatch(artifact.manifest, name, values, golden[name], differing)


def _check_golden(golden: Tensors) -> None:
    found = {name: (array.dtype.str, array.shape) for name, array in golden.items()}
    rows = golden["time"].shape if "time" in golden else ()
    floats = dict.fromkeys((*COLUMNS, "position", "confidence"), ("<f8", rows))
    if len(rows) != 1 or found != {"time": ("<i8", rows), **floats}:
        raise corrupt(GOLDEN, "it does not hold the golden bars and predictions")


def _mismatch(
    manifest: Manifest, name: str, values: Floats, golden: Floats, differing: NDArray[np.intp]
) -> NightdeskError:
    at = int(differing[0])
    return NightdeskError(
        "model.golden_mismatch",
        f"{manifest.symbol} {manifest.model_type} {manifest.version} says {name} {float(values[at])!r} on golden bar "
        f"{at}; when it was trained it said {float(golden[at])!r} ({len(differing)} of {len(values)} differ).",
        "It is not served. A library whose results changed is the usual cause: compare the manifest's libraries with "
        "those installed, and train again.",
        trained_with=manifest.libraries,
        running=_libraries(manifest.libraries.keys() - {"python"}),
    )


def _golden_inputs(bars: Bars) -> Tensors:
    frame = bars.tail(GOLDEN_BARS).frame
    columns = {name: frame[name].to_numpy(np.float64) for name in COLUMNS}
    return {"time": pd.DatetimeIndex(frame.index).asi8, **columns}


def _golden_bars(golden: Tensors, origin: Bars | Manifest) -> Bars:
    index = pd.DatetimeIndex(golden["time"].astype("datetime64[ns]"), name="time").tz_localize("UTC")
    frame = pd.DataFrame({name: golden[name] for name in COLUMNS}, index=index)
    return Bars(frame, symbol=origin.symbol, interval=origin.interval, source=origin.source)


def _outputs(signals: Signals) -> Tensors:
    return {
        "position": signals.position.to_numpy(np.float64),
        "confidence": signals.confidence.to_numpy(np.float64),
    }


def _manifest(model: Model, facts: ArtifactFacts, golden_bars: int, files: dict[str, FileEntry]) -> Manifest:
    return Manifest(
        symbol=facts.bars.symbol,
        interval=facts.bars.interval,
        source=facts.bars.source,
        model_type=facts.model_type,
        version=facts.version,
        params=facts.params.model_dump(mode="json"),
        features=list(model.facts["features"]),
        dataset=facts.dataset,
        provenance=facts.provenance,
        train_start=facts.train_start,
        train_end=facts.train_end,
        trained_at=facts.trained_at,
        settings_fingerprint=facts.settings_fingerprint,
        code_version=installed("nightdesk"),
        libraries=_libraries(model.facts.get("libraries", ())),
        seed=facts.seed,
        device=model.facts.get("device", "cpu"),
        metrics=model.facts["metrics"],
        reference=_reference(model, facts),
        leaks=facts.leaks,
        golden_bars=golden_bars,
        files=files,
    )


def _reference(model: Model, facts: ArtifactFacts) -> dict[str, Any]:
    """What the model saw and said on its training span, for drift to be measured against."""
    known = [name for name in model.facts["features"] if name in FEATURES]
    seen = feature_matrix(facts.bars, known).loc[facts.train_start :]
    return reference(model.signals(facts.bars).since(facts.train_start), seen).model_dump(mode="json")


def _libraries(others: Iterable[str] = ()) -> dict[str, str]:
    """What every model is served by, and `others`, which some are trained by."""
    return {"python": platform.python_version()} | {name: installed(name) for name in sorted({*LIBRARIES, *others})}
