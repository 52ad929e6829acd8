"""A trader whose rule depends on state and return to go is copied on markets that were not trained on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from data_pipeline.trader_logs.sequences import Sequences
from trainers import TraderDecisionTransformer, TraderInference, TraderTrainer
from trainers.decision_transformer.network.batches import sequence_loader
from trainers.decision_transformer.params import FitConfig

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

BARS, STATES, BUY, HOLD, SELL = 32, 4, 1, 2, 3


def planted(markets: int, seed: int) -> Sequences:
    """Buys where the first state is positive, sells otherwise, and holds wherever nothing is left to earn."""
    random = np.random.default_rng(seed)
    states = random.normal(size=(markets * BARS, STATES))
    rewards = random.choice([-0.01, 0.01], size=markets * BARS)
    begins = np.arange(markets * BARS) // BARS * BARS
    sequences = Sequences.of(states, np.zeros(len(states), "i1"), rewards, begins, window=BARS)
    rule = np.where(sequences.returns_to_go <= 0.5, HOLD, np.where(states[:, 0] > 0.0, BUY, SELL))
    sequences.actions[:] = rule
    return sequences


@pytest.mark.parametrize("tokens", ["interleaved", "concatenated"])
def test_a_rule_of_state_and_return_to_go_is_copied_and_the_target_decides(tokens: str) -> None:
    torch.manual_seed(0)
    model = TraderDecisionTransformer(STATES, 5, 32, 2, BARS, heads=2, dropout=0.0, tokens=tokens)  # type: ignore[arg-type]
    trainer = TraderTrainer(model, config=FitConfig(learning_rate=3e-3, warmup=20, patience=30, batch_size=16))
    unseen = planted(60, 2)
    loader = sequence_loader(planted(300, 1), 16, shuffle=True)
    trainer.train(loader, sequence_loader(planted(60, 3), 60), epochs=30)
    assert trainer.validate(sequence_loader(unseen, 60))["accuracy"] > 0.95
    torch.manual_seed(1)
    states = torch.randn(40, BARS, STATES)
    inference = TraderInference(trainer.model)
    high, low = (inference.predict_with_target_rtg(states, target)[0].argmax(-1) for target in (0.04, -0.04))
    wanted = torch.where(states[..., 0] > 0.0, BUY, SELL)
    assert (high[:, :16] == wanted[:, :16]).float().mean() > 0.9
    assert (low == HOLD).float().mean() > 0.9


def test_without_the_return_to_go_the_same_network_cannot_copy_it() -> None:
    torch.manual_seed(0)
    model = TraderDecisionTransformer(STATES, 5, 32, 2, BARS, heads=2, dropout=0.0, conditioned=False)
    trainer = TraderTrainer(model, config=FitConfig(learning_rate=3e-3, warmup=20, patience=30, batch_size=16))
    trainer.train(sequence_loader(planted(300, 1), 16, shuffle=True), epochs=10)
    assert trainer.validate(sequence_loader(planted(60, 2), 60))["accuracy"] < 0.9
