"""Model versions on disk, and the bars they may be asked about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from config.errors import NightdeskError
from trainers.artifact import load_artifact, prove

if TYPE_CHECKING:
    from config.paths import Home
    from daemon.domain.tasks import VersionRef
    from data_pipeline.bars import Bars
    from trainers.artifact import Artifact
    from trainers.manifest import Manifest


def loaded(home: Home, subject: str, model_type: str, reference: VersionRef) -> Artifact:
    """The version in its folder, with the hash that was recorded for it."""
    folder = home.model(subject, model_type, reference.name)
    with _named(reference):
        return load_artifact(folder, expect_manifest_sha256=reference.manifest_sha256)


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


def speaks_of(manifest: Manifest, bars: Bars) -> bool:
    """Whether these are bars of the kind it was trained on; what it says of any others means nothing."""
    return (manifest.source, manifest.interval) == (bars.source, bars.interval)


def refuse_other_bars(manifest: Manifest, bars: Bars) -> None:
    """Raise unless the version speaks of these bars."""
    if not speaks_of(manifest, bars):
        raise NightdeskError(
            "model.other_bars",
            f"{bars.symbol} {manifest.model_type} {manifest.version} was trained on {manifest.source} "
            f"{manifest.interval} bars; the bars that now serve are {bars.source} {bars.interval} bars.",
            "Let a night train and judge a model on these bars; until then this one stays silent.",
        )
