from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from config.errors import UsageError
from data_pipeline.trader_logs.sequences import Sequences
from trainers.decision_transformer.network.batches import sequence_loader

BEGINS = np.array([0, 0, 0, 3, 3, 3, 3, 3, 3, 3])


def sequences() -> Sequences:
    random = np.random.default_rng(1)
    actions = random.integers(0, 5, 10).astype(np.int8)
    return Sequences.of(random.normal(size=(10, 17)), actions, random.normal(size=10), BEGINS, window=4)


def test_over_contracts_every_bar_counts_once_and_over_bars_each_has_a_window() -> None:
    batches = list(sequence_loader(sequences(), batch_size=2))
    assert sum(int(batch.counted.sum()) for batch in batches) == 10
    assert [len(batch) for batch in batches] == [2, 2]
    assert sum(len(batch) for batch in sequence_loader(sequences(), 3, windows="every_bar")) == 10


def test_a_batch_has_one_hot_actions_and_what_the_bars_earned() -> None:
    whole = sequences()
    (batch,) = sequence_loader(whole, 10, windows="every_bar")
    assert batch.states.shape == (10, 4, 17)
    assert batch.actions.shape == (10, 4, 5)
    assert batch.actions[:, -1].argmax(-1).tolist() == whole.actions.tolist()
    assert torch.equal(batch.actions.sum(-1), batch.mask.float())
    np.testing.assert_array_equal(batch.returns[:, -1], whole.returns)


def test_batches_that_do_not_fit_together_are_refused() -> None:
    (batch,) = sequence_loader(sequences(), 10, windows="every_bar")
    with pytest.raises(UsageError, match="returns are"):
        replace(batch, returns=batch.returns[:, :3])
    with pytest.raises(UsageError, match="counts in the loss"):
        replace(batch, counted=torch.ones_like(batch.mask))


def test_no_sequences_are_refused() -> None:
    empty = Sequences.of(np.empty((0, 17)), np.empty(0, "i1"), np.empty(0), np.empty(0, "i8"))
    with pytest.raises(UsageError, match="no sequences"):
        sequence_loader(empty)
