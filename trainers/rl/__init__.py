"""Reinforcement learning: market episodes over the ledger, six agents, and how they are trained.

Names are imported when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.lazy import lazy_exports

if TYPE_CHECKING:
    from trainers.rl.agent import RLAgent as RLAgent
    from trainers.rl.agent_configs import A2CConfig as A2CConfig
    from trainers.rl.agent_configs import DDPGConfig as DDPGConfig
    from trainers.rl.agent_configs import DQNConfig as DQNConfig
    from trainers.rl.agent_configs import PPOConfig as PPOConfig
    from trainers.rl.agent_configs import SACConfig as SACConfig
    from trainers.rl.agent_configs import TD3Config as TD3Config
    from trainers.rl.agents import create_rl_agent as create_rl_agent
    from trainers.rl.agents import list_available_agents as list_available_agents
    from trainers.rl.callback import CallbackList as CallbackList
    from trainers.rl.callback import RLCallback as RLCallback
    from trainers.rl.callbacks import CheckpointCallback as CheckpointCallback
    from trainers.rl.callbacks import EarlyStoppingRLCallback as EarlyStoppingRLCallback
    from trainers.rl.callbacks import EvalCallback as EvalCallback
    from trainers.rl.callbacks import TradingMetricsCallback as TradingMetricsCallback
    from trainers.rl.checkpoints import ModelCheckpointer as ModelCheckpointer
    from trainers.rl.early_stopping import EarlyStoppingCallback as EarlyStoppingCallback
    from trainers.rl.environment import TradingEnvironment as TradingEnvironment
    from trainers.rl.environment_config import TradingEnvConfig as TradingEnvConfig
    from trainers.rl.normaliser import RunningMeanStd as RunningMeanStd
    from trainers.rl.progress import RLProgressTracker as RLProgressTracker
    from trainers.rl.training import train_rl_agent as train_rl_agent
    from trainers.rl.training_config import RLTrainingConfig as RLTrainingConfig
    from trainers.rl.vector_environment import VectorTradingEnvironment as VectorTradingEnvironment
else:
    __getattr__, __dir__ = lazy_exports(__name__, __file__)
