"""From the outside world to clean, causal, named datasets. Imports are lazy: naming the package costs nothing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from data_pipeline.bars import Bars
    from data_pipeline.features import FeatureEngineer, feature_matrix
    from data_pipeline.label_weights import sample_weights
    from data_pipeline.loader import DataLoader
    from data_pipeline.regime import volatility_regime
    from data_pipeline.scaling import Scaler
    from data_pipeline.splits import purged_folds, walk_forward
    from data_pipeline.states34 import RlStateBuilder
    from data_pipeline.store import BarStore, Dataset
    from data_pipeline.trade_logs import ExpertLog, load_expert_log
    from data_pipeline.triple_barrier import Barriers, barrier_labels, fitted_barriers, meta_labels

__all__ = [
    "BarStore",
    "Barriers",
    "Bars",
    "DataLoader",
    "Dataset",
    "ExpertLog",
    "FeatureEngineer",
    "RlStateBuilder",
    "Scaler",
    "barrier_labels",
    "feature_matrix",
    "fitted_barriers",
    "load_expert_log",
    "meta_labels",
    "purged_folds",
    "sample_weights",
    "volatility_regime",
    "walk_forward",
]

_HOMES = {
    "BarStore": "data_pipeline.store",
    "Barriers": "data_pipeline.triple_barrier",
    "Bars": "data_pipeline.bars",
    "DataLoader": "data_pipeline.loader",
    "Dataset": "data_pipeline.store",
    "ExpertLog": "data_pipeline.trade_logs",
    "FeatureEngineer": "data_pipeline.features",
    "RlStateBuilder": "data_pipeline.states34",
    "Scaler": "data_pipeline.scaling",
    "barrier_labels": "data_pipeline.triple_barrier",
    "feature_matrix": "data_pipeline.features",
    "fitted_barriers": "data_pipeline.triple_barrier",
    "load_expert_log": "data_pipeline.trade_logs",
    "meta_labels": "data_pipeline.triple_barrier",
    "purged_folds": "data_pipeline.splits",
    "sample_weights": "data_pipeline.label_weights",
    "volatility_regime": "data_pipeline.regime",
    "walk_forward": "data_pipeline.splits",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
