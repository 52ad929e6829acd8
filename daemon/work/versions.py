"""Stored model versions, and the bars they may be asked about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from config.errors import NightdeskError
from daemon.artifacts.base import ArtifactName
from daemon.artifacts.open import open_artifacts
from trainers.artifact import load_artifact, prove

if TYPE_CHECKING:
    from config.paths import Home
    from data_pipeline.bars import Bars
    from trainers.artifact import Artifact
    from trainers.manifest import Manifest


def loaded(home: Home, args: dict[str, Any], side: dict[str, str]) -> Artifact:
    """The version that `side` names, with the manifest hash that was recorded for it."""
    name, sha256 = ArtifactName(args["symbol"], args["model_type"], side["version"]), side["manifest_sha256"]
    with _named(side):
        return load_artifact(open_artifacts(home).fetch(name, sha256), expect_manifest_sha256=sha256)


def proved(home: Home, args: dict[str, Any], side: dict[str, str]) -> Artifact:
    """The same, and it says of its golden bars what it said when it was trained."""
    artifact = loaded(home, args, side)
    with _named(side):
        prove(artifact)
    return artifact


@contextmanager
def _named(side: dict[str, str]) -> Iterator[None]:
    """Say in the error which of the two sides it is about."""
    try:
        yield
    except NightdeskError as error:
        error.detail["version"] = side["version"]
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
