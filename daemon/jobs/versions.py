"""Stored model versions, and the bars they can be evaluated on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from config.errors import NightdeskError
from daemon.artifacts.base import ArtifactName
from daemon.artifacts.open import open_artifacts
from daemon.jobs.inputs import inputs_for
from data_pipeline.inputs import TEACHING
from evaluation.audit.leak_audit import Span
from evaluation.judges.judged_version import JudgedVersion
from evaluation.monitoring.drift import read_reference
from evaluation.reports.evidence import Leaks
from trainers import registry
from trainers.artifact import golden_of, load_artifact, prove

if TYPE_CHECKING:
    from config.paths import Home
    from daemon.domain.tasks import VersionRef
    from daemon.executors.worker.main import WorkContext
    from data_pipeline.inputs import Inputs
    from trainers.artifact import Artifact
    from trainers.manifest import Manifest
    from trainers.needs import Needs


def loaded(home: Home, subject: str, model_type: str, reference: VersionRef) -> Artifact:
    """The stored version, with the manifest hash that was recorded for it."""
    name, sha256 = ArtifactName(subject, model_type, reference.name), reference.manifest_sha256
    with _named(reference):
        return load_artifact(open_artifacts(home).fetch(name, sha256), expect_manifest_sha256=sha256)


def proved(home: Home, subject: str, model_type: str, reference: VersionRef) -> Artifact:
    """The same, if it reproduces the golden predictions of its training."""
    artifact = loaded(home, subject, model_type, reference)
    with _named(reference):
        prove(artifact)
    return artifact


@contextmanager
def _named(reference: VersionRef) -> Iterator[None]:
    """Name the version in the detail of an error."""
    try:
        yield
    except NightdeskError as error:
        error.detail["version"] = reference.name
        raise


def inputs_of(context: WorkContext, subject: str, model_type: str) -> Inputs:
    """What a version of this type is shown when it decides: the stored inputs of its subject, of the kinds it needs."""
    needs = registry.get(model_type).needs
    return inputs_for(context, subject, needs, needs.kinds - TEACHING)


def judged_version(context: WorkContext, artifact: Artifact, inputs: Inputs) -> JudgedVersion:
    """The version as judges and monitors see it; `inputs` are those that it decides on."""
    manifest = artifact.manifest
    model_type = registry.get(manifest.model_type)
    return JudgedVersion(
        name=manifest.version,
        model=artifact.model,
        trained=Span(manifest.train_start, manifest.train_end),
        features=tuple(manifest.features),
        reference=read_reference(manifest.reference),
        leaks=Leaks(**manifest.leaks) if manifest.leaks is not None else None,
        evidence=model_type.evidence(manifest),
        teacher=model_type.teacher_positions(_with_teacher(context, inputs, model_type.needs), manifest),
        trained_at=manifest.trained_at,
        metrics=manifest.metrics,
        seen=golden_of(artifact).inputs,
    )


def _with_teacher(context: WorkContext, inputs: Inputs, needs: Needs) -> Inputs:
    """The same inputs with what its teacher did; a teacher whose log is gone teaches nothing more."""
    if not needs.data & TEACHING:
        return inputs
    try:
        return inputs_for(context, inputs.subject, needs, needs.kinds)
    except NightdeskError as error:
        if error.code != "expert_log.missing":
            raise
        return inputs


def speaks_of(manifest: Manifest, inputs: Inputs) -> bool:
    """Whether these are bars of the kind it was trained on; what it decides on any others means nothing."""
    return {(bars.source, bars.interval) for bars in inputs.bars.values()} <= manifest.bar_kinds


def refuse_other_bars(manifest: Manifest, inputs: Inputs) -> None:
    """Raise unless the version was trained on bars of this kind."""
    if not speaks_of(manifest, inputs):
        kinds = {(bars.source, bars.interval) for bars in inputs.bars.values()}
        raise NightdeskError(
            "model.other_bars",
            f"{manifest.subject} {manifest.model_type} {manifest.version} was trained on "
            f"{_in_words(manifest.bar_kinds)} bars; the bars that now serve are {_in_words(kinds)} bars.",
            "Let a night train and judge a model on these bars; until then this one stays silent.",
        )


def _in_words(kinds: Iterable[tuple[str, str | None]]) -> str:
    return " and ".join(sorted(f"{source} {interval}" for source, interval in kinds))
