"""From the outside world to clean, causal, named datasets. Imports are lazy: naming the package costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.lazy import lazy_exports

if TYPE_CHECKING:
    from data_pipeline.bars.bars import Bars as Bars
    from data_pipeline.bars.store import BarStore as BarStore
    from data_pipeline.bars.store import Dataset as Dataset
    from data_pipeline.experts.expert_log import ExpertLog as ExpertLog
    from data_pipeline.experts.expert_log import load_expert_log as load_expert_log
    from data_pipeline.features.registry import FeatureEngineer as FeatureEngineer
    from data_pipeline.features.registry import feature_matrix as feature_matrix
    from data_pipeline.features.scaling import Scaler as Scaler
    from data_pipeline.features.volatility_regime import volatility_regime as volatility_regime
    from data_pipeline.labels.splits import purged_folds as purged_folds
    from data_pipeline.labels.splits import walk_forward as walk_forward
    from data_pipeline.labels.triple_barrier import Barriers as Barriers
    from data_pipeline.labels.triple_barrier import barrier_labels as barrier_labels
    from data_pipeline.labels.triple_barrier import fitted_barriers as fitted_barriers
    from data_pipeline.labels.triple_barrier import meta_labels as meta_labels
    from data_pipeline.labels.weights import sample_weights as sample_weights
    from data_pipeline.loader import DataLoader as DataLoader
    from data_pipeline.offline.generator import OfflineDatasetGenerator as OfflineDatasetGenerator
    from data_pipeline.policy_states.states import RlState as RlState
    from data_pipeline.policy_states.states import RlStateBuilder as RlStateBuilder
else:
    __getattr__, __dir__ = lazy_exports(__name__, __file__)
