from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from rich.console import Console

from config.errors import NightdeskError
from data_pipeline.trader_logs.sequences import Sequences
from trainers import TraderDecisionTransformer, TraderTrainer
from trainers.decision_transformer.network.batches import sequence_loader
from trainers.decision_transformer.params import FitConfig
from trainers.decision_transformer.training.epochs import Epoch
from trainers.decision_transformer.training.progress import shown
from trainers.decision_transformer.training.trainer import Loader

QUICK = FitConfig(epochs=4, batch_size=4, learning_rate=0.01, warmup=2, patience=3)


def model(**changes: Any) -> TraderDecisionTransformer:
    torch.manual_seed(1)
    small = {"d_model": 16, "layers": 1, "context": 8, "heads": 2}
    return TraderDecisionTransformer(2, 5, **(small | changes))


def loader(seed: int = 0, *, actions: NDArray[np.int8] | None = None, shuffle: bool = True, rows: int = 60) -> Loader:
    """Markets of 10 bars; the action follows from the sign of the first state."""
    random = np.random.default_rng(seed)
    states = random.normal(size=(rows, 2))
    rule = np.where(states[:, 0] > 0, 1, 3).astype(np.int8) if actions is None else actions
    begins = np.arange(rows) // 10 * 10
    sequences = Sequences.of(states, rule, 0.01 * random.normal(size=rows), begins, window=8)
    return sequence_loader(sequences, 4, shuffle=shuffle)


def weights(trained: TraderDecisionTransformer) -> list[bytes]:
    return [tensor.numpy().tobytes() for tensor in trained.state_dict().values()]


def test_it_learns_and_reports_the_documented_metrics(tmp_path: Path) -> None:
    trainer = TraderTrainer(model(), device="cpu", config=QUICK)
    before = trainer.validate(loader(1))
    result = trainer.train(loader(0), loader(1), epochs=15, output_dir=tmp_path)
    after = trainer.validate(loader(1))
    assert set(after) == {"loss", "accuracy", "action_loss", "rtg_loss", "rtg_error"}
    assert after["loss"] == pytest.approx(after["action_loss"] + 0.1 * after["rtg_loss"])
    assert after["loss"] < before["loss"]
    assert after["accuracy"] > 0.9
    assert after["loss"] == pytest.approx(result["loss"], rel=1e-5)
    assert result["loss"] == min(result["val_loss"])
    assert len(result["train_loss"]) == len(result["val_loss"])
    best = TraderDecisionTransformer.load(tmp_path / "best_model.pt")
    assert TraderTrainer(best).validate(loader(1)) == pytest.approx(after, rel=1e-5)


def test_the_metrics_do_not_depend_on_how_windows_are_batched() -> None:
    trainer = TraderTrainer(model(), config=QUICK)
    sequences = loader(1).dataset.sequences  # type: ignore[attr-defined]
    one, many = (trainer.validate(sequence_loader(sequences, size)) for size in (1, 50))
    assert one == pytest.approx(many, rel=1e-5)


def test_a_resumed_training_ends_with_the_bits_of_an_undisturbed_one(tmp_path: Path) -> None:
    whole = TraderTrainer(model(dropout=0.3), config=QUICK)
    expected = whole.train(loader(), loader(1))

    def crash(epoch: Epoch) -> None:
        if epoch.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TraderTrainer(model(dropout=0.3), config=QUICK).train(loader(), loader(1), output_dir=tmp_path, on_epoch=crash)
    torch.rand(7)  # what others draw does not matter
    resumed = TraderTrainer(model(dropout=0.3), config=QUICK)
    epochs: list[int] = []
    result = resumed.train(loader(), loader(1), output_dir=tmp_path, on_epoch=lambda epoch: epochs.append(epoch.number))
    assert epochs == [3, 4]
    assert result == expected
    assert weights(resumed.model) == weights(whole.model)
    finished = TraderTrainer(model(dropout=0.3), config=QUICK)
    assert finished.train(loader(), loader(1), output_dir=tmp_path) == expected
    assert weights(finished.model) == weights(whole.model)


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    TraderTrainer(model(), config=QUICK).train(loader(), epochs=1, output_dir=tmp_path)
    with pytest.raises(NightdeskError, match="seed 42; here it is 1") as refused:
        TraderTrainer(model(), config=QUICK, seed=1).train(loader(), epochs=1, output_dir=tmp_path)
    assert refused.value.code == "training.other_checkpoint"


def test_a_torn_checkpoint_is_refused(tmp_path: Path) -> None:
    TraderTrainer(model(), config=QUICK).train(loader(), epochs=1, output_dir=tmp_path)
    path = tmp_path / "training.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(NightdeskError) as refused:
        TraderTrainer(model(), config=QUICK).train(loader(), epochs=1, output_dir=tmp_path)
    assert refused.value.code == "model.corrupt"


def test_a_training_draws_from_its_own_seed_and_leaves_the_global_one_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one = TraderTrainer(model(dropout=0.3), config=QUICK, seed=7)
    torch.set_rng_state(before)
    one.train(loader())
    assert torch.equal(torch.get_rng_state(), before)
    other = TraderTrainer(model(dropout=0.3), config=QUICK, seed=8)
    other.train(loader())
    assert weights(one.model) != weights(other.model)


def test_it_stops_when_validation_does_not_improve_and_keeps_the_best_epoch() -> None:
    random = np.random.default_rng(3).integers(0, 5, 60).astype(np.int8)  # nothing to find
    trainer = TraderTrainer(model(), config=QUICK.model_copy(update={"epochs": 60, "patience": 2}))
    result = trainer.train(loader(0, actions=random), loader(1, actions=random[::-1].copy()))
    assert len(result["val_loss"]) < 60
    assert len(result["val_loss"]) == result["best_epoch"] + 2
    assert trainer.validate(loader(1, actions=random[::-1].copy(), shuffle=False))["loss"] == pytest.approx(
        min(result["val_loss"]), rel=1e-5
    )


def test_class_balance_makes_a_rare_action_count(tmp_path: Path) -> None:
    rare = np.zeros(60, dtype=np.int8)
    rare[::15] = 4
    trainer = TraderTrainer(model(), config=QUICK.model_copy(update={"class_balance": 1.0}))
    trainer.train(loader(actions=rare), epochs=1)
    assert trainer.class_weights is not None
    assert trainer.class_weights.tolist() == pytest.approx([60 / (2 * 56), 1.0, 1.0, 1.0, 60 / (2 * 4)])


@pytest.mark.parametrize("action", [2, 0])
def test_a_trader_who_always_does_the_same_is_learned(action: int) -> None:
    constant = np.full(60, action, dtype=np.int8)
    trainer = TraderTrainer(model(), config=QUICK)
    trainer.train(loader(actions=constant), epochs=4)
    assert trainer.validate(loader(1, actions=constant))["accuracy"] == 1.0


def test_one_market_of_one_bar_trains() -> None:
    trainer = TraderTrainer(model(), config=QUICK)
    result = trainer.train(loader(rows=1), epochs=2)
    assert np.isfinite(result["train_loss"]).all()


def test_a_loss_that_is_no_number_ends_the_training_with_a_cure() -> None:
    broken = model()
    with torch.no_grad():
        broken.begin.fill_(float("nan"))
    with pytest.raises(NightdeskError, match="epoch 1") as refused:
        TraderTrainer(broken, config=QUICK).train(loader())
    assert refused.value.code == "training.diverged"


def test_without_a_terminal_the_last_epoch_is_a_line_and_a_terminal_shows_a_bar() -> None:
    for terminal in (False, True):
        text = io.StringIO()
        with shown(None, Console(file=text, force_terminal=terminal, width=100)) as report:
            report(0.5, "epoch 1")
            report(1.0, "epoch 2, [loss] 0.5")
        assert "epoch 2, [loss] 0.5" in text.getvalue()
        assert ("━" in text.getvalue()) == terminal
        assert terminal or text.getvalue() == "100% epoch 2, [loss] 0.5\n"
