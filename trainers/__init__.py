"""Makes models: one way to train, keep and run every kind of them. Names are imported when first used.

What a model is made of and used in (`DataLoader`, `FeatureEngineer`, `StrategyBase`) can be had from here too, so that
a script of a trader's own needs one import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from data_pipeline import DataLoader, FeatureEngineer
    from evaluation import StrategyBase, WalkForwardValidator
    from trainers.artifact import Artifact, ArtifactFacts, load_artifact, prove, save_artifact
    from trainers.cloning.config import BehavioralClonerConfig
    from trainers.cloning.forest import BehavioralCloner
    from trainers.interface import Model, ModelType, TrainingContext, TrainingTask
    from trainers.manifest import Manifest, manifest_sha256, read_manifest
    from trainers.needs import Needs
    from trainers.rl import (
        A2CConfig,
        CallbackList,
        CheckpointCallback,
        DDPGConfig,
        DQNConfig,
        EarlyStoppingCallback,
        EarlyStoppingRLCallback,
        EvalCallback,
        ModelCheckpointer,
        PPOConfig,
        RLAgent,
        RLCallback,
        RLProgressTracker,
        RLTrainingConfig,
        RunningMeanStd,
        SACConfig,
        TD3Config,
        TradingEnvConfig,
        TradingEnvironment,
        TradingMetricsCallback,
        VectorTradingEnvironment,
        create_rl_agent,
        list_available_agents,
        train_rl_agent,
    )

_MODULES = {
    "A2CConfig": "trainers.rl",
    "Artifact": "trainers.artifact",
    "ArtifactFacts": "trainers.artifact",
    "BehavioralCloner": "trainers.cloning.forest",
    "BehavioralClonerConfig": "trainers.cloning.config",
    "CallbackList": "trainers.rl",
    "CheckpointCallback": "trainers.rl",
    "DDPGConfig": "trainers.rl",
    "DQNConfig": "trainers.rl",
    "DataLoader": "data_pipeline",
    "EarlyStoppingCallback": "trainers.rl",
    "EarlyStoppingRLCallback": "trainers.rl",
    "EvalCallback": "trainers.rl",
    "FeatureEngineer": "data_pipeline",
    "Manifest": "trainers.manifest",
    "Model": "trainers.interface",
    "ModelCheckpointer": "trainers.rl",
    "ModelType": "trainers.interface",
    "Needs": "trainers.needs",
    "PPOConfig": "trainers.rl",
    "RLAgent": "trainers.rl",
    "RLCallback": "trainers.rl",
    "RLProgressTracker": "trainers.rl",
    "RLTrainingConfig": "trainers.rl",
    "RunningMeanStd": "trainers.rl",
    "SACConfig": "trainers.rl",
    "StrategyBase": "evaluation",
    "TD3Config": "trainers.rl",
    "TradingEnvConfig": "trainers.rl",
    "TradingEnvironment": "trainers.rl",
    "TradingMetricsCallback": "trainers.rl",
    "TrainingContext": "trainers.interface",
    "TrainingTask": "trainers.interface",
    "VectorTradingEnvironment": "trainers.rl",
    "WalkForwardValidator": "evaluation",
    "create_rl_agent": "trainers.rl",
    "list_available_agents": "trainers.rl",
    "load_artifact": "trainers.artifact",
    "manifest_sha256": "trainers.manifest",
    "prove": "trainers.artifact",
    "read_manifest": "trainers.manifest",
    "save_artifact": "trainers.artifact",
    "train_rl_agent": "trainers.rl",
}

__all__ = [
    "A2CConfig",
    "Artifact",
    "ArtifactFacts",
    "BehavioralCloner",
    "BehavioralClonerConfig",
    "CallbackList",
    "CheckpointCallback",
    "DDPGConfig",
    "DQNConfig",
    "DataLoader",
    "EarlyStoppingCallback",
    "EarlyStoppingRLCallback",
    "EvalCallback",
    "FeatureEngineer",
    "Manifest",
    "Model",
    "ModelCheckpointer",
    "ModelType",
    "Needs",
    "PPOConfig",
    "RLAgent",
    "RLCallback",
    "RLProgressTracker",
    "RLTrainingConfig",
    "RunningMeanStd",
    "SACConfig",
    "StrategyBase",
    "TD3Config",
    "TradingEnvConfig",
    "TradingEnvironment",
    "TradingMetricsCallback",
    "TrainingContext",
    "TrainingTask",
    "VectorTradingEnvironment",
    "WalkForwardValidator",
    "create_rl_agent",
    "list_available_agents",
    "load_artifact",
    "manifest_sha256",
    "prove",
    "read_manifest",
    "save_artifact",
    "train_rl_agent",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
