"""Reinforcement learning: market episodes over the ledger, six agents, and how they are trained.

Names are imported when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainers.rl.agent import RLAgent
    from trainers.rl.agent_configs import A2CConfig, DDPGConfig, DQNConfig, PPOConfig, SACConfig, TD3Config
    from trainers.rl.agents import create_rl_agent, list_available_agents
    from trainers.rl.callback import CallbackList, RLCallback
    from trainers.rl.callbacks import CheckpointCallback, EarlyStoppingRLCallback, EvalCallback, TradingMetricsCallback
    from trainers.rl.checkpoints import ModelCheckpointer
    from trainers.rl.early_stopping import EarlyStoppingCallback
    from trainers.rl.environment import TradingEnvironment
    from trainers.rl.environment_config import TradingEnvConfig
    from trainers.rl.normaliser import RunningMeanStd
    from trainers.rl.progress import RLProgressTracker
    from trainers.rl.training import train_rl_agent
    from trainers.rl.training_config import RLTrainingConfig
    from trainers.rl.vector_environment import VectorTradingEnvironment

_MODULES = {
    "A2CConfig": "trainers.rl.agent_configs",
    "CallbackList": "trainers.rl.callback",
    "CheckpointCallback": "trainers.rl.callbacks",
    "DDPGConfig": "trainers.rl.agent_configs",
    "DQNConfig": "trainers.rl.agent_configs",
    "EarlyStoppingCallback": "trainers.rl.early_stopping",
    "EarlyStoppingRLCallback": "trainers.rl.callbacks",
    "EvalCallback": "trainers.rl.callbacks",
    "ModelCheckpointer": "trainers.rl.checkpoints",
    "PPOConfig": "trainers.rl.agent_configs",
    "RLAgent": "trainers.rl.agent",
    "RLCallback": "trainers.rl.callback",
    "RLProgressTracker": "trainers.rl.progress",
    "RLTrainingConfig": "trainers.rl.training_config",
    "RunningMeanStd": "trainers.rl.normaliser",
    "SACConfig": "trainers.rl.agent_configs",
    "TD3Config": "trainers.rl.agent_configs",
    "TradingEnvConfig": "trainers.rl.environment_config",
    "TradingEnvironment": "trainers.rl.environment",
    "TradingMetricsCallback": "trainers.rl.callbacks",
    "VectorTradingEnvironment": "trainers.rl.vector_environment",
    "create_rl_agent": "trainers.rl.agents",
    "list_available_agents": "trainers.rl.agents",
    "train_rl_agent": "trainers.rl.training",
}

__all__ = [
    "A2CConfig",
    "CallbackList",
    "CheckpointCallback",
    "DDPGConfig",
    "DQNConfig",
    "EarlyStoppingCallback",
    "EarlyStoppingRLCallback",
    "EvalCallback",
    "ModelCheckpointer",
    "PPOConfig",
    "RLAgent",
    "RLCallback",
    "RLProgressTracker",
    "RLTrainingConfig",
    "RunningMeanStd",
    "SACConfig",
    "TD3Config",
    "TradingEnvConfig",
    "TradingEnvironment",
    "TradingMetricsCallback",
    "VectorTradingEnvironment",
    "create_rl_agent",
    "list_available_agents",
    "train_rl_agent",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
