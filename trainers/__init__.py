"""Makes models: one way to train, keep and run every kind of them. Names are imported when first used.

What a model is made of and used in (`DataLoader`, `FeatureEngineer`, `StrategyBase`) can be had from here too, so that
a script of a trader's own needs one import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from data_pipeline import DataLoader, FeatureEngineer
    from evaluation import StrategyBase
    from trainers.artifact import Artifact, ArtifactFacts, load_artifact, prove, save_artifact
    from trainers.cloning.config import BehavioralClonerConfig
    from trainers.cloning.forest import BehavioralCloner
    from trainers.interface import Model, ModelType, Needs, TrainingContext, TrainingTask
    from trainers.manifest import Manifest, manifest_sha256, read_manifest

_MODULES = {
    "Artifact": "trainers.artifact",
    "ArtifactFacts": "trainers.artifact",
    "BehavioralCloner": "trainers.cloning.forest",
    "BehavioralClonerConfig": "trainers.cloning.config",
    "DataLoader": "data_pipeline",
    "FeatureEngineer": "data_pipeline",
    "Manifest": "trainers.manifest",
    "Model": "trainers.interface",
    "ModelType": "trainers.interface",
    "Needs": "trainers.interface",
    "StrategyBase": "evaluation",
    "TrainingContext": "trainers.interface",
    "TrainingTask": "trainers.interface",
    "load_artifact": "trainers.artifact",
    "manifest_sha256": "trainers.manifest",
    "prove": "trainers.artifact",
    "read_manifest": "trainers.manifest",
    "save_artifact": "trainers.artifact",
}

__all__ = [
    "Artifact",
    "ArtifactFacts",
    "BehavioralCloner",
    "BehavioralClonerConfig",
    "DataLoader",
    "FeatureEngineer",
    "Manifest",
    "Model",
    "ModelType",
    "Needs",
    "StrategyBase",
    "TrainingContext",
    "TrainingTask",
    "load_artifact",
    "manifest_sha256",
    "prove",
    "read_manifest",
    "save_artifact",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
