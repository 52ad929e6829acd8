"""Networks of trained versions, copied to a folder of the owner's."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from config.errors import UsageError
from config.publish import publish_bytes
from daemon.api.answers import ModelVersion
from daemon.artifacts.base import ArtifactName
from daemon.artifacts.open import open_artifacts
from daemon.cli.reading import reader

if TYPE_CHECKING:
    from daemon.api.answers import Run
    from daemon.cli.choices import Choices

BEST = "best_model.pt"
_LISTED = 500


def copy_networks(global_options: Choices, runs: Iterable[Run], folder: Path) -> None:
    """Copy the network of the version that these runs have trained; of several, each into a folder of its own."""
    ids = {run.id for run in runs}
    with reader(global_options) as records:
        listed = [ModelVersion.model_validate(item) for item in records.get("/models", limit=_LISTED)["items"]]
    trained = [version for version in listed if version.run_id in ids]
    for version in trained:
        name = ArtifactName(version.subject, version.model_type, version.version)
        place = folder if len(trained) == 1 else folder / str(name)
        publish_bytes(place / BEST, _network(open_artifacts(global_options.home).fetch(name)).read_bytes())
        typer.echo(f"Written: {place / BEST}, in the safetensors format", err=True)


def _network(folder: Path) -> Path:
    """The tensors of a version, besides its golden predictions; of several files, the largest."""
    from trainers.golden import GOLDEN

    tensors = (path for path in folder.glob("*.safetensors") if path.name != GOLDEN)
    files = sorted(tensors, key=lambda path: path.stat().st_size)
    if not files:
        raise UsageError("train.no_network", "What was trained has no network.", "Leave --output_dir out.")
    return files[-1]
