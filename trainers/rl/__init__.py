"""Reinforcement learning: market episodes over the ledger, six agents, and how they are trained.

Names are imported when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.lazy import lazy_exports

if TYPE_CHECKING:
    from trainers.common.early_stopping import EarlyStoppingCallback as EarlyStoppingCallback
    from trainers.common.model_checkpoints import ModelCheckpointer as ModelCheckpointer
    from trainers.rl.agents.agent import RLAgent as RLAgent
    from trainers.rl.agents.configs import A2CConfig as A2CConfig
    from trainers.rl.agents.configs import DDPGConfig as DDPGConfig
    from trainers.rl.agents.configs import DQNConfig as DQNConfig
    from trainers.rl.agents.configs import PPOConfig as PPOConfig
    from trainers.rl.agents.configs import SACConfig as SACConfig
    from trainers.rl.agents.configs import TD3Config as TD3Config
    from trainers.rl.agents.factory import create_rl_agent as create_rl_agent
    from trainers.rl.agents.factory import list_available_agents as list_available_agents
    from trainers.rl.environments.config import TradingEnvConfig as TradingEnvConfig
    from trainers.rl.environments.environment import TradingEnvironment as TradingEnvironment
    from trainers.rl.environments.normaliser import RunningMeanStd as RunningMeanStd
    from trainers.rl.environments.vector_environment import VectorTradingEnvironment as VectorTradingEnvironment
    from trainers.rl.training.callbacks.base import CallbackList as CallbackList
    from trainers.rl.training.callbacks.base import RLCallback as RLCallback
    from trainers.rl.training.callbacks.progress import RLProgressTracker as RLProgressTracker
    from trainers.rl.training.callbacks.ready_made import CheckpointCallback as CheckpointCallback
    from trainers.rl.training.callbacks.ready_made import EarlyStoppingRLCallback as EarlyStoppingRLCallback
    from trainers.rl.training.callbacks.ready_made import EvalCallback as EvalCallback
    from trainers.rl.training.callbacks.ready_made import TradingMetricsCallback as TradingMetricsCallback
    from trainers.rl.training.config import RLTrainingConfig as RLTrainingConfig
    from trainers.rl.training.loop import train_rl_agent as train_rl_agent
else:
    __getattr__, __dir__ = lazy_exports(__name__, __file__)
