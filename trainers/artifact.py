"""Model versions on disk: published atomically, verified when read, proved by their golden predictions."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from config.errors import NightdeskError
from config.publish import publishing_folder
from config.section import Section
from data_pipeline.inputs import EVENT_KINDS, Inputs
from evaluation.monitoring.drift import reference
from trainers.golden import (
    GOLDEN,
    Difference,
    Golden,
    differences,
    golden_inputs,
    golden_tensors,
    read_first_format,
    read_golden,
)
from trainers.interface import Model
from trainers.manifest import (
    MANIFEST,
    MEMBERS,
    DatasetEntry,
    FileEntry,
    Manifest,
    manifest_sha256,
    read_manifest,
    sha256_file,
    verify_files,
    verify_listed,
)
from trainers.recipe import recipe_fingerprint
from trainers.registry import get, validate_params
from trainers.safe_files import json_bytes, read_tensors, tensor_bytes

LIBRARIES = ("numba", "numpy", "pandas", "safetensors", "scikit-learn", "ta-lib")


@dataclass(frozen=True)
class ArtifactFacts:
    """The facts of a training for the manifest of its artefact.

    Args:
        inputs: the inputs of the training; the last of them become the golden inputs.
        dataset: the id of the dataset that the inputs are part of.
        training_window: the days of history in the recipe.
        members: the artefacts of its member models, by model type; they are copied into it.
    """

    model_type: str
    version: str
    params: Section
    inputs: Inputs
    dataset: str
    provenance: str
    train_start: datetime
    train_end: datetime
    trained_at: datetime
    settings_fingerprint: str
    seed: int
    leaks: dict[str, Any] | None = None
    training_window: int | None = None
    members: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Artifact:
    """A model version that was loaded from disk."""

    folder: Path
    model: Model
    manifest: Manifest


def save_artifact(folder: Path, model: Model, facts: ArtifactFacts) -> Manifest:
    """Publish `model` atomically as `folder`, which must not exist yet."""
    if folder.exists():
        raise NightdeskError(
            "model.exists",
            f"The version {facts.version} of {facts.inputs.subject} {facts.model_type} exists already.",
            "A version is never written twice; choose another name for this one.",
        )
    inputs = golden_inputs(facts.inputs)
    with publishing_folder(folder) as temp:
        model.save(temp)
        golden = Golden(inputs, model.decide(inputs))
        (temp / GOLDEN).write_bytes(tensor_bytes(*golden_tensors(golden)))
        for name, member in facts.members.items():
            shutil.copytree(member, temp / MEMBERS / name)
        files = {
            path.relative_to(temp).as_posix(): FileEntry(sha256=sha256_file(path), bytes=path.stat().st_size)
            for path in sorted(temp.rglob("*"))
            if path.is_file()
        }
        manifest = _manifest(model, facts, len(inputs), files)
        (temp / MANIFEST).write_bytes(json_bytes(manifest.model_dump(mode="json")))
    return manifest


def load_artifact(folder: Path, expect_manifest_sha256: str | None = None) -> Artifact:
    """Load the model in `folder` after every file was checked against the manifest.

    Where the manifest is the recorded one, other files in the folder are somebody's own: nobody reads them, and they
    keep no model from serving. Without a record they make the whole folder suspicious.
    """
    manifest = read_manifest(folder)
    if expect_manifest_sha256 is None:
        verify_files(folder, manifest)
    else:
        verify_listed(folder, manifest, expect_manifest_sha256)
    validate_params(manifest.model_type, manifest.params)
    return Artifact(folder, get(manifest.model_type).load(folder), manifest)


def load_members(folder: Path, names: Iterable[str]) -> dict[str, Model]:
    """The member models of the artefact in `folder`, by model type, each checked as any artefact is."""
    recorded = read_manifest(folder).members
    return {name: load_artifact(folder / MEMBERS / name, recorded.get(name)).model for name in names}


def prove(artifact: Artifact) -> None:
    """Raise unless the model's decisions on its golden inputs equal those after its training, to the last bit."""
    golden = golden_of(artifact)
    decided = artifact.model.decide(golden.inputs)
    for difference in differences(golden, decided):
        raise _mismatch(artifact.manifest, difference)


def golden_of(artifact: Artifact) -> Golden:
    """The last inputs of its training, as they were then, and what it decided on them."""
    tensors, metadata = read_tensors(artifact.folder / GOLDEN)
    if artifact.manifest.format == 1:
        (bars,) = artifact.manifest.datasets
        return read_first_format(tensors, bars.name, bars.interval or "", bars.source)
    return read_golden(tensors, metadata)


def _mismatch(manifest: Manifest, difference: Difference) -> NightdeskError:
    return NightdeskError(
        "model.golden_mismatch",
        f"{manifest.subject} {manifest.model_type} {manifest.version} decides a {difference.part} "
        f"of {difference.now!r} on golden bar {difference.row} of {difference.symbol}; "
        f"when it was trained it was {difference.then!r} ({difference.rows} of {difference.of} differ).",
        "It is not served. A library whose results changed is the usual cause: compare the manifest's libraries with "
        "those installed, and train again.",
        trained_with=manifest.libraries,
        running=_libraries(manifest.libraries.keys() - {"python"}),
    )


def _manifest(model: Model, facts: ArtifactFacts, golden_bars: int, files: dict[str, FileEntry]) -> Manifest:
    model_facts = model.facts
    params = facts.params.model_dump(mode="json")
    return Manifest(
        subject=facts.inputs.subject,
        model_type=facts.model_type,
        version=facts.version,
        recipe=recipe_fingerprint(facts.model_type, params, facts.training_window, facts.seed),
        training_window=facts.training_window,
        params=params,
        features=list(model_facts.features),
        dataset=facts.dataset,
        datasets=_datasets(facts.inputs),
        members={name: manifest_sha256(member) for name, member in facts.members.items()},
        provenance=facts.provenance,
        train_start=facts.train_start,
        train_end=facts.train_end,
        trained_at=facts.trained_at,
        settings_fingerprint=facts.settings_fingerprint,
        code_version=installed("nightdesk"),
        libraries=_libraries(model_facts.libraries),
        seed=facts.seed,
        device=model_facts.device,
        metrics=model_facts.metrics,
        issues=model_facts.issues,
        reference=_reference(model, facts),
        leaks=facts.leaks,
        golden_bars=golden_bars,
        files=files,
    )


def _datasets(inputs: Inputs) -> tuple[DatasetEntry, ...]:
    """Every dataset of the training, with its content hash and its span."""
    bars = [
        DatasetEntry(
            kind="bars",
            name=name,
            source=symbol_bars.source,
            interval=symbol_bars.interval,
            sha256=symbol_bars.fingerprint(),
            rows=len(symbol_bars),
            first=symbol_bars.frame.index[0],
            last=symbol_bars.frame.index[-1],
        )
        for name, symbol_bars in inputs.bars.items()
    ]
    logs = [
        DatasetEntry(kind="expert_log", name=name, source=log.provenance, sha256=log.fingerprint(), rows=len(log))
        for name, log in inputs.expert_logs.items()
    ]
    events = [
        DatasetEntry(
            kind=kind,
            name=name,
            source=kind,
            sha256=inputs.events_fingerprint(kind, name),
            rows=len(rows),
            first=rows.index[0],
            last=rows.index[-1],
        )
        for kind in EVENT_KINDS
        for name, rows in inputs.events(kind).items()
    ]
    return (*bars, *logs, *events)


def _reference(model: Model, facts: ArtifactFacts) -> dict[str, Any]:
    """The distributions of features and decisions on the training span, as the reference for drift."""
    inputs = facts.inputs.for_decisions()
    span = inputs.since(facts.train_start).bars
    decided, features = model.decide(inputs), model.features(inputs)
    return reference(
        {name: decided[name].since(facts.train_start) for name in span},
        {name: features[name].loc[facts.train_start :] for name in span},
    ).model_dump(mode="json")


def is_of_this_code(manifest: Manifest) -> bool:
    """Whether a version was trained by this Nightdesk with the libraries that are installed."""
    extra = manifest.libraries.keys() - {"python"}
    return manifest.code_version == installed("nightdesk") and manifest.libraries == _libraries(extra)


def _libraries(extra: Iterable[str] = ()) -> dict[str, str]:
    """The versions of Python, of the libraries that serve every model, and of the `extra` ones."""
    return {"python": platform.python_version()} | {name: installed(name) for name in sorted({*LIBRARIES, *extra})}
