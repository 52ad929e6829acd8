"""Small datasets of decisions that follow a plain rule, and a policy that has learned it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch

from data_pipeline.features.volatility_regime import REGIMES
from data_pipeline.offline.dataset import OfflineDataset
from data_pipeline.policy_states.states import NAMES
from trainers.cloning.policy.config import CloningConfig
from trainers.cloning.policy.network.nets import PolicyNet
from trainers.cloning.policy.training.fitting import Fit
from trainers.cloning.policy.training.samples import Samples

SMALL: dict[str, Any] = {"hidden_dim": 8, "batch_size": 32, "lr": 0.02, "max_epochs": 6}
CPU = torch.device("cpu")


def ruled_dataset(rows: int = 300, seed: int = 0) -> OfflineDataset:
    """Buys where the RSI is above 0.6, sells where it is below 0.4, as strongly as it is away from 0.5."""
    random = np.random.default_rng(seed)
    states = random.standard_normal((rows, len(NAMES))).astype(np.float32)
    regimes = [NAMES.index(name) for name in REGIMES]
    states[:, regimes] = np.eye(len(REGIMES), dtype=np.float32)[random.integers(0, len(REGIMES), rows)]
    rsi = random.random(rows)
    states[:, NAMES.index("rsi")] = rsi
    actions = np.select([rsi > 0.6, rsi < 0.4], [1, 2], default=0)
    strengths = np.where(actions == 0, 0.0, 2.0 * np.abs(rsi - 0.5)).astype(np.float32)
    return OfflineDataset(states, actions, strengths, rewards=(rsi - 0.5).astype(np.float32) / 100.0)


@cache
def small_network(kind: str = "plain") -> PolicyNet:
    """A network of that kind, trained on the rule."""
    config = CloningConfig(network=kind, **SMALL)
    return Fit(config, 1, Samples.of(ruled_dataset(), CPU)).run().network
