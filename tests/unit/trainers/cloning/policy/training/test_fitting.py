from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from config.errors import NightdeskError
from data_pipeline.offline.dataset import ACTION_NAMES
from tests.support.models.small_policies import CPU, SMALL, ruled_dataset
from trainers.cloning.policy.config import CloningConfig
from trainers.cloning.policy.training.epochs import Agreement, Epoch
from trainers.cloning.policy.training.fitting import Fit, Fitted
from trainers.cloning.policy.training.samples import Samples

TRAIN, VALIDATION = Samples.of(ruled_dataset(240), CPU), Samples.of(ruled_dataset(60, seed=9), CPU)
CONFIG = CloningConfig(**SMALL, noise=0.05)


def bits(fitted: Fitted) -> list[bytes]:
    return [weight.detach().numpy().tobytes() for weight in fitted.network.state_dict().values()]


class StopTrainingError(Exception):
    pass


def test_an_interrupted_training_ends_with_the_bits_of_an_undisturbed_one(tmp_path: Path) -> None:
    def interrupt(epoch: Epoch) -> None:
        if epoch.number == 3:
            raise StopTrainingError

    whole = Fit(CONFIG, 5, TRAIN, VALIDATION).run()
    fit = Fit(CONFIG, 5, TRAIN, VALIDATION, tmp_path / "training.safetensors")
    with pytest.raises(StopTrainingError):
        fit.run(on_epoch=interrupt)
    resumed = fit.run()
    assert resumed.history == whole.history
    assert bits(resumed) == bits(whole)
    other = Fit(CONFIG, 6, TRAIN, VALIDATION, tmp_path / "training.safetensors").run()
    assert bits(other) == bits(Fit(CONFIG, 6, TRAIN, VALIDATION).run()) != bits(whole)


def test_a_torn_checkpoint_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "c.safetensors").write_bytes(b"torn")
    fitted = Fit(CONFIG, 5, TRAIN, VALIDATION, tmp_path / "c.safetensors").run(2)
    assert len(fitted.history.epochs) == 2


def test_the_epoch_of_the_lowest_validation_loss_serves_and_patience_ends_the_training() -> None:
    config = CloningConfig(**{**SMALL, "max_epochs": 60, "lr": 0.1, "patience": 2})
    fitted = Fit(config, 1, TRAIN, VALIDATION).run()
    losses = [epoch.val_loss for epoch in fitted.history.epochs]
    best = fitted.history.best.number
    assert losses[best - 1] == min(losses)  # type: ignore[type-var]
    assert len(losses) == best + 2 < 60
    served = fitted.network.served().decide(VALIDATION.states.numpy())[0].argmax(1)
    assert float((served == VALIDATION.actions.numpy()).mean()) == pytest.approx(fitted.history.best.val_acc)


@pytest.mark.parametrize("changes", [{"loss": "weighted"}, {"loss": "focal"}, {"oversample": True}])
def test_each_answer_to_imbalance_learns_the_rule(changes: dict[str, object]) -> None:
    fitted = Fit(CloningConfig(**{**SMALL, "max_epochs": 15, **changes}), 2, TRAIN).run()
    assert fitted.history.best.train_acc > 0.85


def test_a_loss_that_is_no_number_ends_with_an_error() -> None:
    with pytest.raises(NightdeskError, match="not finite after epoch 1") as refused:
        Fit(CloningConfig(**SMALL, alpha=1e39), 1, TRAIN, VALIDATION).run()
    assert refused.value.code == "training.diverged"


def test_agreement_is_measured_against_the_most_frequent_action_and_chance() -> None:
    teacher, policy = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 2]), np.array([0, 0, 0, 1, 1, 1, 0, 2, 2, 0])
    agreement = Agreement.of(teacher, policy, ACTION_NAMES)
    assert (agreement.rows, agreement.accuracy, agreement.majority) == (10, 0.7, 0.4)
    chance = (4 * 5 + 3 * 3 + 3 * 2) / 100
    assert agreement.kappa == pytest.approx((0.7 - chance) / (1 - chance))
    assert agreement.recall == pytest.approx({"HOLD": 0.75, "BUY": 2 / 3, "SELL": 2 / 3})
    nothing = np.zeros(3, np.int64)
    assert Agreement.of(nothing, nothing, ACTION_NAMES).kappa is None
