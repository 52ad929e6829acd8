"""Trainers: one interface to train, store and load every model type. Names are imported when first used.

`DataLoader`, `FeatureEngineer` and `StrategyBase` are exported here too, so that a script needs one import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.lazy import lazy_exports

if TYPE_CHECKING:
    from data_pipeline import DataLoader as DataLoader
    from data_pipeline import FeatureEngineer as FeatureEngineer
    from evaluation import RiskManager as RiskManager
    from evaluation import StrategyBase as StrategyBase
    from evaluation import WalkForwardValidator as WalkForwardValidator
    from trainers.analysts.decision import AnalystSignal as AnalystSignal
    from trainers.analysts.decision import aggregate_signals as aggregate_signals
    from trainers.analysts.strategies import load_strategy as load_strategy
    from trainers.artifact import Artifact as Artifact
    from trainers.artifact import ArtifactFacts as ArtifactFacts
    from trainers.artifact import load_artifact as load_artifact
    from trainers.artifact import prove as prove
    from trainers.artifact import save_artifact as save_artifact
    from trainers.cloning.behavioral.config import BehavioralClonerConfig as BehavioralClonerConfig
    from trainers.cloning.behavioral.forest import BehavioralCloner as BehavioralCloner
    from trainers.cloning.policy.config import TrainingConfig as TrainingConfig
    from trainers.cloning.policy.fine_tuning import FineTuning as FineTuning
    from trainers.cloning.policy.network.inference import PolicyEnsemble as PolicyEnsemble
    from trainers.cloning.policy.network.inference import load_ensemble as load_ensemble
    from trainers.cloning.policy.network.inference import load_rl_policy as load_rl_policy
    from trainers.cloning.policy.network.nets import AttentionPolicyNet as AttentionPolicyNet
    from trainers.cloning.policy.network.nets import MultiTaskPolicyNet as MultiTaskPolicyNet
    from trainers.cloning.policy.network.nets import PolicyNet as PolicyNet
    from trainers.cloning.policy.training.losses import FocalLoss as FocalLoss
    from trainers.cloning.policy.training.trainer import BehaviorCloningTrainer as BehaviorCloningTrainer
    from trainers.cloning.policy.training.trainer import train_seeds as train_seeds
    from trainers.decision_transformer.network.inference import TraderInference as TraderInference
    from trainers.decision_transformer.network.transformer import TraderDecisionTransformer as TraderDecisionTransformer
    from trainers.decision_transformer.training.trainer import TraderTrainer as TraderTrainer
    from trainers.forecast.predictor import CNNPricePredictor as CNNPricePredictor
    from trainers.forecast.predictor import EnsemblePricePredictor as EnsemblePricePredictor
    from trainers.forecast.predictor import LSTMPricePredictor as LSTMPricePredictor
    from trainers.forecast.predictor import TransformerPricePredictor as TransformerPricePredictor
    from trainers.interface import Model as Model
    from trainers.interface import ModelType as ModelType
    from trainers.interface import TrainingContext as TrainingContext
    from trainers.interface import TrainingTask as TrainingTask
    from trainers.manifest import Manifest as Manifest
    from trainers.manifest import manifest_sha256 as manifest_sha256
    from trainers.manifest import read_manifest as read_manifest
    from trainers.needs import Needs as Needs
    from trainers.portfolio.manager import PortfolioManager as PortfolioManager
    from trainers.portfolio.params import PortfolioParams as PortfolioParams
    from trainers.rl import A2CConfig as A2CConfig
    from trainers.rl import CallbackList as CallbackList
    from trainers.rl import CheckpointCallback as CheckpointCallback
    from trainers.rl import DDPGConfig as DDPGConfig
    from trainers.rl import DQNConfig as DQNConfig
    from trainers.rl import EarlyStoppingCallback as EarlyStoppingCallback
    from trainers.rl import EarlyStoppingRLCallback as EarlyStoppingRLCallback
    from trainers.rl import EvalCallback as EvalCallback
    from trainers.rl import ModelCheckpointer as ModelCheckpointer
    from trainers.rl import PPOConfig as PPOConfig
    from trainers.rl import RLAgent as RLAgent
    from trainers.rl import RLCallback as RLCallback
    from trainers.rl import RLProgressTracker as RLProgressTracker
    from trainers.rl import RLTrainingConfig as RLTrainingConfig
    from trainers.rl import RunningMeanStd as RunningMeanStd
    from trainers.rl import SACConfig as SACConfig
    from trainers.rl import TD3Config as TD3Config
    from trainers.rl import TradingEnvConfig as TradingEnvConfig
    from trainers.rl import TradingEnvironment as TradingEnvironment
    from trainers.rl import TradingMetricsCallback as TradingMetricsCallback
    from trainers.rl import VectorTradingEnvironment as VectorTradingEnvironment
    from trainers.rl import create_rl_agent as create_rl_agent
    from trainers.rl import list_available_agents as list_available_agents
    from trainers.rl import train_rl_agent as train_rl_agent
else:
    __getattr__, __dir__ = lazy_exports(__name__, __file__)
