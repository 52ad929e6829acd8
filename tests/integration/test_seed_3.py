"""The guide to the trader's Decision Transformer runs from Python as it is written: names, flags, shapes, metrics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from data_pipeline.trader_logs.sequences import WINDOW, Sequences
from trainers import TraderDecisionTransformer, TraderInference, TraderTrainer
from trainers.decision_transformer.network.batches import sequence_loader

BARS = 40


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, where a network of the guide's sizes lies where the guide loads it from."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    torch.manual_seed(0)
    TraderDecisionTransformer(state_dim=17, action_dim=5).save(tmp_path / "models/best_model.pt")
    return tmp_path


def test_the_return_of_two_percent_is_asked_for_with_states_alone(folder: Path) -> None:
    model = TraderDecisionTransformer.load("models/best_model.pt")
    inference = TraderInference(model, device="cpu")
    states = torch.randn(1, 128, 17, generator=torch.Generator().manual_seed(1))
    predicted_actions, predicted_rtg = inference.predict_with_target_rtg(states=states, target_rtg=0.02)
    assert predicted_actions.shape == (1, 128, 5)
    assert predicted_rtg.shape[:2] == (1, 128)
    action_probs = torch.softmax(predicted_actions[0, -1], dim=-1)
    assert action_probs.sum().item() == pytest.approx(1.0, abs=1e-5)
    assert action_probs.argmax().item() in range(5)
    other, _ = inference.predict_with_target_rtg(states=states, target_rtg=-0.5)
    assert not torch.equal(predicted_actions, other), "the return is read"


def test_a_trainer_validates_a_loader_and_its_metrics_are_shares_and_losses(folder: Path) -> None:
    random = np.random.default_rng(0)
    actions = random.integers(0, 5, BARS).astype(np.int8)
    val_loader = sequence_loader(
        Sequences.of(random.normal(size=(BARS, 17)), actions, random.normal(0, 0.01, BARS), np.zeros(BARS, dtype="i8"))
    )
    model = TraderDecisionTransformer.load("models/best_model.pt")
    val_metrics = TraderTrainer(model, device="cpu").validate(val_loader)
    assert f"{val_metrics['accuracy']:.2%}".endswith("%")
    assert 0.0 <= val_metrics["accuracy"] <= 1.0
    logits, _ = TraderInference(model).predict_with_target_rtg(states=torch.zeros(1, WINDOW, 17), target_rtg=0.0)
    assert logits.isfinite().all()
    assert val_metrics["loss"] == pytest.approx(val_metrics["action_loss"] + 0.1 * val_metrics["rtg_loss"], rel=1e-4)
    assert val_metrics["rtg_error"] >= 0.0
