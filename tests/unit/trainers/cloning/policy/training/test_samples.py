from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from config.errors import UsageError
from data_pipeline.policy_states.states import NAMES
from tests.support.models.small_policies import CPU, ruled_dataset
from trainers.cloning.policy.config import CloningConfig
from trainers.cloning.policy.training.samples import HORIZON, Samples, batches, noise_deviation, regimes_to_come, split


def test_the_newest_tenth_validates_and_purged_rows_are_in_neither_part() -> None:
    train, validation = split(ruled_dataset(1453), CloningConfig())
    assert (len(train), len(validation), validation[0] - train[-1] - 1) == (1288, 145, 20)
    train, validation = split(ruled_dataset(1453), CloningConfig(purge=0))
    assert (len(train), len(validation)) == (1308, 145)


def test_rows_of_several_symbols_at_one_instant_stay_together() -> None:
    dataset = replace(ruled_dataset(200), times=np.repeat(np.arange(100), 2), symbols=np.tile(["A", "B"], 100))
    train, validation = split(dataset, CloningConfig(purge=5))
    assert dataset.times is not None
    assert (dataset.times[train[-1]], dataset.times[validation[0]]) == (84, 90)
    assert (len(train), len(validation)) == (170, 20)


def test_too_few_rows_to_split_are_refused() -> None:
    with pytest.raises(UsageError, match="20 closes do not hold") as refused:
        split(ruled_dataset(20), CloningConfig())
    assert refused.value.code == "dataset.too_short"


def test_oversampling_draws_each_action_as_often() -> None:
    dataset = ruled_dataset(1000)
    rare = dataset.rows(np.flatnonzero((dataset.actions != 1) | (np.arange(1000) % 20 == 0)))
    samples = Samples.of(rare, CPU)
    torch.manual_seed(0)
    (drawn,) = batches(samples, CloningConfig(batch_size=10_000, oversample=True), torch.zeros(34))
    shares = drawn.counts / len(drawn)
    assert samples.counts[1] / len(samples) < 0.05
    assert shares.tolist() == pytest.approx([1 / 3] * 3, abs=0.06)


def test_noise_leaves_the_portfolio_and_the_regime_as_they_are() -> None:
    samples = Samples.of(ruled_dataset(64), CPU)
    config = CloningConfig(batch_size=64, noise=0.1)
    torch.manual_seed(0)
    order = torch.randperm(64)
    torch.manual_seed(0)
    (noisy,) = batches(samples, config, noise_deviation(samples.scale()[1], config))
    moved = (noisy.states != samples.states[order]).any(0)
    same = [name for name, is_moved in zip(NAMES, moved.tolist(), strict=True) if not is_moved]
    assert same == [*NAMES[24:28], *NAMES[28:31]]
    assert torch.equal(noisy.actions, samples.actions[order])


def test_the_regime_to_come_is_that_of_the_same_symbol_some_rows_later() -> None:
    dataset = replace(ruled_dataset(40), symbols=np.repeat(["A", "B"], 20))
    now, later = dataset.states[:, 28:31].argmax(1), regimes_to_come(dataset)
    assert later[3] == now[3 + HORIZON]
    assert later[20 - HORIZON : 20].tolist() == [-1] * HORIZON
    assert later[-HORIZON:].tolist() == [-1] * HORIZON


def test_a_hold_without_a_strength_teaches_no_strength() -> None:
    dataset = ruled_dataset(50)
    strengths = Samples.of(dataset, CPU).strengths.numpy()
    assert np.isnan(strengths[dataset.actions == 0]).all()
    assert np.isfinite(strengths[dataset.actions != 0]).all()
    assert (Samples.of(replace(dataset, strengths=None), CPU).strengths.numpy()[dataset.actions == 2] == 1.0).all()
