"""From the outside world to clean, causal, named datasets. Imports are lazy: naming the package costs nothing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from data_pipeline.bars import Bars
    from data_pipeline.features import FeatureEngineer
    from data_pipeline.loader import DataLoader
    from data_pipeline.store import BarStore, Dataset
    from data_pipeline.trade_logs import ExpertLog, load_expert_log

__all__ = ["BarStore", "Bars", "DataLoader", "Dataset", "ExpertLog", "FeatureEngineer", "load_expert_log"]

_HOMES = {
    "BarStore": "data_pipeline.store",
    "Bars": "data_pipeline.bars",
    "DataLoader": "data_pipeline.loader",
    "Dataset": "data_pipeline.store",
    "ExpertLog": "data_pipeline.trade_logs",
    "FeatureEngineer": "data_pipeline.features",
    "load_expert_log": "data_pipeline.trade_logs",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
