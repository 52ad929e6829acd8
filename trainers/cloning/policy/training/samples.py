"""Samples: a dataset as tensors, cut by time, and drawn in batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import WeightedRandomSampler

from config.errors import UsageError
from data_pipeline.features.volatility_regime import REGIMES
from data_pipeline.labels.splits import holdout
from data_pipeline.offline.dataset import OfflineDataset
from data_pipeline.policy_states.states import NAMES
from trainers.cloning.policy.config import CloningConfig

# The regime that a multi-task policy predicts is the one this many rows later.
HORIZON = 5
_PERCENT = 100.0
_REGIMES = [NAMES.index(name) for name in REGIMES]
_PORTFOLIO = [NAMES.index(name) for name in ("position", "leverage", "cash", "days_since_trade")]
# Noise is for what a market may as well have shown: not for what is held, nor for the choice of a regime.
_NOISY = np.array([i not in {*_REGIMES, *_PORTFOLIO} for i in range(len(NAMES))])
_STILL = 1e-3  # a number of a state that varies by less than this is not scaled up


@dataclass(frozen=True, eq=False)
class Samples:
    """Rows as tensors; unknown strengths and returns are NaN, unknown regimes -1."""

    states: Tensor  # [rows, 34]
    actions: Tensor  # [rows]
    strengths: Tensor  # [rows]
    returns: Tensor  # [rows], in percent
    risks: Tensor  # [rows]

    @classmethod
    def of(cls, dataset: OfflineDataset, device: torch.device) -> Samples:
        """Of a dataset in the order of time. Without strengths a buy or a sell is full.

        A hold of strength 0 moves nothing, so that it says nothing of how strong an action there would be.
        """
        strengths = np.sign(dataset.actions).astype(np.float32) if dataset.strengths is None else dataset.strengths
        strengths = np.where((dataset.actions == 0) & (strengths == 0.0), np.float32(np.nan), strengths)
        unknown = np.full(len(dataset), np.nan, np.float32)
        arrays = (
            dataset.states,
            dataset.actions,
            strengths,
            unknown if dataset.rewards is None else dataset.rewards * np.float32(_PERCENT),
            regimes_to_come(dataset),
        )
        return cls(*(torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in arrays))

    def __len__(self) -> int:
        return len(self.actions)

    def rows(self, rows: Tensor) -> Samples:
        """Some of the rows."""
        return Samples(*(getattr(self, field.name)[rows] for field in fields(self)))

    @property
    def counts(self) -> Tensor:
        """[3] how often each action occurs."""
        return torch.bincount(self.actions, minlength=3)

    def scale(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation of each number of a state; a number that does not vary is left as it is."""
        std = self.states.double().std(0, correction=0)
        return self.states.double().mean(0).float(), torch.where(std > _STILL, std, torch.ones_like(std)).float()


def regimes_to_come(dataset: OfflineDataset) -> NDArray[np.int64]:
    """The volatility regime `HORIZON` rows later on the same symbol; -1 where there is no such row."""
    now, later = dataset.states[:, _REGIMES].argmax(1), np.full(len(dataset), -1, np.int64)
    symbols = np.zeros(len(dataset), "U1") if dataset.symbols is None else dataset.symbols
    for symbol in np.unique(symbols):
        rows = np.flatnonzero(symbols == symbol)
        later[rows[:-HORIZON]] = now[rows[HORIZON:]]
    return later


def split(dataset: OfflineDataset, config: CloningConfig) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows to train on and the newest to validate on, of a dataset in the order of time; purged rows are in neither.

    Rows of several symbols at one instant stay together.
    """
    times = np.arange(len(dataset)) if dataset.times is None else dataset.times
    instants, instant = np.unique(times, return_inverse=True)
    purge = max(config.purge, HORIZON) if config.network == "multi_task" else config.purge
    try:
        train, validation = holdout(len(instants), config.validation, purge)
    except UsageError as error:
        raise UsageError(
            "dataset.too_short",
            f"{len(instants)} closes do not hold {config.validation:.0%} to validate on, {purge} to leave out before "
            "them, and some to train on.",
            "Generate decisions over a longer span, or lower validation or purge.",
        ) from error
    return np.flatnonzero(instant <= train[-1]), np.flatnonzero(instant >= validation[0])


def batches(samples: Samples, config: CloningConfig, noise: Tensor) -> Iterator[Samples]:
    """One pass in random batches, drawn by torch's generator; `noise` is a deviation for each number of a state."""
    for rows in torch.split(_order(samples, oversample=config.oversample), config.batch_size):
        batch = samples.rows(rows.to(samples.actions.device))
        if config.noise:
            drawn = torch.randn(batch.states.shape).to(batch.states.device)
            batch = Samples(batch.states + noise * drawn, *(getattr(batch, f.name) for f in fields(batch)[1:]))
        yield batch


def noise_deviation(std: Tensor, config: CloningConfig) -> Tensor:
    """The deviation of the noise on each number of a state."""
    return config.noise * std * torch.from_numpy(_NOISY).to(std.device)


def _order(samples: Samples, *, oversample: bool) -> Tensor:
    if not oversample:
        return torch.randperm(len(samples))
    weights = (1.0 / samples.counts.clamp_min(1).double())[samples.actions]
    return torch.tensor(list(WeightedRandomSampler(weights.tolist(), len(samples))))
