"""The model of a fold whose test is not over: it is stored whole, with its members, and decides the later bars too."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.signal_model import NO_REQUEST, Request
from trainers.artifact import ArtifactFacts, load_artifact
from trainers.members import TrainedModel, save_with_members

if TYPE_CHECKING:
    import pandas as pd

    from data_pipeline.inputs import Inputs
    from evaluation.signals import Signals
    from trainers.interface import Model

ARTIFACT = "artifact"


@dataclass(frozen=True, eq=False)
class FoldModel:
    """A model that was trained for a fold, with the facts that its artefact holds."""

    trained: TrainedModel
    facts: ArtifactFacts

    def features(self, inputs: Inputs) -> Mapping[str, pd.DataFrame]:
        """Those of the model."""
        return self.trained.model.features(inputs)

    def decide(self, inputs: Inputs, request: Request = NO_REQUEST) -> Mapping[str, Signals]:
        """What the model decides."""
        return self.trained.model.decide(inputs, request)

    def save(self, folder: Path) -> None:
        """Write it as an artefact, its members among its files, into an existing folder."""
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            save_with_members(folder / ARTIFACT, self.trained, self.facts, Path(scratch))


def load_fold_model(folder: Path) -> Model:
    """The model that `save` wrote, every file checked by its hash."""
    return load_artifact(folder / ARTIFACT).model
