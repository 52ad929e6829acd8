"""The training loop: the same seed gives the same network, resumed or not, and its windows end where they should."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from config.errors import NightdeskError
from trainers.nets.history import Epoch, History
from trainers.nets.loop import Fit, FitConfig, Windows

LENGTH = 4


def windows(rows: int = 200, seed: int = 0) -> Windows:
    """A target that is the mean of the last two rows of its window."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(rows, 2, generator=generator)
    ends = torch.arange(LENGTH - 1, rows)
    return Windows(values, ends, 0.5 * (values[ends, 0] + values[ends - 1, 0]), LENGTH)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.dropout = nn.Linear(2 * LENGTH, 1), nn.Dropout(0.1)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.dropout(self.layer(rows.flatten(1)))


def squared(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return (outputs[:, 0] - targets) ** 2


def fit(**changes) -> Fit:
    config = FitConfig(lr=0.02, batch_size=32, max_epochs=8, patience=3)
    return Fit(**{"make": Net, "loss": squared, "config": config, "seed": 1, "train": windows(), **changes})


def weights(network: nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().ravel() for parameter in network.parameters()])


def test_a_batch_holds_the_rows_up_to_each_end_oldest_first() -> None:
    data = windows()
    rows, targets = data.batch(torch.tensor([0, 5]))
    assert torch.equal(rows[0], data.rows[:4])
    assert torch.equal(rows[1], data.rows[5:9])
    assert torch.equal(targets, data.targets[[0, 5]])


def test_it_learns_what_can_be_learned() -> None:
    history = fit(config=FitConfig(lr=0.02, batch_size=32, max_epochs=40), validation=windows(seed=1)).run().history
    assert history.best.val_loss < 0.05 * history.epochs[0].val_loss


def test_the_same_seed_gives_the_same_network_and_another_one_another() -> None:
    torch.manual_seed(99)
    before = torch.rand(1)
    torch.manual_seed(99)
    one, two, other = fit().run().network, fit().run().network, fit(seed=2).run().network
    assert torch.equal(weights(one), weights(two))
    assert not torch.equal(weights(one), weights(other))
    assert torch.equal(torch.rand(1), before)  # the draws of a training are its own


def test_one_that_was_interrupted_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    undisturbed = fit(validation=windows(seed=1)).run()
    interrupted = fit(validation=windows(seed=1), checkpoint=tmp_path / "fit.safetensors")

    class StopError(Exception):
        pass

    def stop(epoch: Epoch) -> None:
        if epoch.number == 3:
            raise StopError

    with pytest.raises(StopError):
        interrupted.run(on_epoch=stop)
    seen: list[int] = []
    resumed = interrupted.run(on_epoch=lambda epoch: seen.append(epoch.number))
    assert torch.equal(weights(resumed.network), weights(undisturbed.network))
    assert resumed.history == undisturbed.history
    assert seen == list(range(1, len(undisturbed.history.epochs) + 1))


@pytest.mark.parametrize("damage", [b"", b"torn", None], ids=["empty", "torn", "of another seed"])
def test_a_checkpoint_that_is_not_of_this_training_is_not_gone_on_from(tmp_path: Path, damage: bytes | None) -> None:
    path = tmp_path / "fit.safetensors"
    fit(seed=2, checkpoint=path).run()
    if damage is not None:
        path.write_bytes(damage)
    assert torch.equal(weights(fit(checkpoint=path).run().network), weights(fit().run().network))


def test_it_ends_when_the_best_epoch_is_long_past() -> None:
    noise = windows()
    noise = Windows(noise.rows, noise.ends, torch.randn(len(noise), generator=torch.Generator().manual_seed(3)), LENGTH)
    config = FitConfig(lr=0.05, batch_size=16, max_epochs=200, patience=2)
    history = fit(config=config, train=noise, validation=windows(seed=1)).run().history
    assert len(history.epochs) == history.best.number + 2


def test_a_loss_that_is_no_number_is_an_error_with_its_cure() -> None:
    broken = windows()
    broken.targets[0] = float("nan")
    with pytest.raises(NightdeskError, match="epoch 1 is not a finite number") as diverged:
        fit(train=broken).run()
    assert "learning rate" in diverged.value.cure


def test_mixed_precision_learns_as_well() -> None:
    config = FitConfig(lr=0.02, batch_size=32, max_epochs=40, mixed_precision=True)
    history = fit(config=config, validation=windows(seed=1)).run().history
    assert history.best.val_loss < 0.1 * history.epochs[0].val_loss


def test_without_validation_the_last_epoch_is_the_best() -> None:
    history = History([Epoch(1, 0.1, None), Epoch(2, 0.5, None)])
    assert history.best.number == 2
    assert not history.ended(3, patience=1)
