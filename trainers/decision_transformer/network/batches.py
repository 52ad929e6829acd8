"""Batches of windows as tensors, from the sequences of trader logs, by torch's DataLoader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from config.errors import UsageError
from data_pipeline.trader_logs.sequences import Sequences, Windows


@dataclass(frozen=True, eq=False)
class TrajectoryBatch:
    """Windows of a trader's decisions, padded before their first bar, where all values are 0."""

    returns_to_go: Tensor  # [batch, bars, 1], f4, scaled
    states: Tensor  # [batch, bars, state_dim], f4, scaled
    actions: Tensor  # [batch, bars, action_dim], f4, one-hot
    returns: Tensor  # [batch, bars], f4, what each bar earned
    mask: Tensor  # [batch, bars], true where there is a bar
    counted: Tensor  # [batch, bars], true where the loss is taken

    def __post_init__(self) -> None:
        shape = self.mask.shape
        for field in fields(self):
            values: Tensor = getattr(self, field.name)
            if values.shape[:2] != shape or values.ndim > 3:
                raise UsageError(
                    "decision_transformer.shape",
                    f"{field.name} are {list(values.shape)}, and the mask is {list(shape)}.",
                    "Give every part of a batch the same windows and bars.",
                )
        if bool((self.counted & ~self.mask).any()):
            raise UsageError(
                "decision_transformer.counted",
                "A place without a bar counts in the loss.",
                "Let `counted` be true only where `mask` is.",
            )

    def __len__(self) -> int:
        return len(self.mask)

    def to(self, device: torch.device) -> TrajectoryBatch:
        """The same on another device."""
        return TrajectoryBatch(*(getattr(self, field.name).to(device, non_blocking=True) for field in fields(self)))


class SequenceDataset(Dataset[TrajectoryBatch]):
    """Windows over sequences; a whole batch is cut at once."""

    def __init__(self, sequences: Sequences, windows: Windows) -> None:
        self.sequences, self.windows = sequences, windows

    def __len__(self) -> int:
        return len(self.windows.ends)

    def __getitem__(self, number: int) -> TrajectoryBatch:
        return self.__getitems__([number])

    def __getitems__(self, numbers: Sequence[int]) -> TrajectoryBatch:
        """The windows of these numbers."""
        batch = self.sequences.cut(self.windows.take(np.asarray(numbers)))
        arrays = (batch.returns_to_go, batch.states, batch.one_hot, batch.returns, batch.mask, batch.counted)
        return TrajectoryBatch(*map(torch.from_numpy, arrays))


def sequence_loader(
    sequences: Sequences,
    batch_size: int = 32,
    *,
    windows: Windows | Literal["contracts", "every_bar"] = "contracts",
    shuffle: bool = False,
) -> DataLoader[TrajectoryBatch]:
    """A DataLoader over whole contracts, in which each bar counts once, or over the window of every bar.

    An epoch over contracts costs about as many windows as there are markets, and teaches as many bars.
    """
    if not len(sequences):
        raise UsageError(
            "decision_transformer.no_sequences",
            "There are no sequences to load: none of the markets has a row.",
            "Give sequences of at least one market; for a split of a table, choose another share (--train-share).",
        )
    if isinstance(windows, str):
        windows = sequences.contracts() if windows == "contracts" else sequences.every_bar()
    dataset = SequenceDataset(sequences, windows)
    return DataLoader(dataset, batch_size=batch_size, shuffle=shuffle, collate_fn=_cut_already)


def _cut_already(batch: Any) -> Any:
    """A dataset with `__getitems__` gives whole batches, not lists of windows."""
    return batch
