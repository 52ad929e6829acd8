"""Fitting a network on windows of rows: epochs, early stop, and checkpoints from which it resumes to the same bits.

A window is not copied for every row: rows stand once, and a batch gathers its windows by their row numbers.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from config.section import Section
from trainers.nets.checkpoint import State, load_checkpoint, save_checkpoint
from trainers.nets.history import Epoch, History

OnEpoch = Callable[[Epoch], None]
# Of the outputs of the network and the targets of a batch: the loss of each row.
Loss = Callable[[Tensor, Tensor], Tensor]
_SEEDS = 1_000_003  # a prime, so that the epochs of two seeds draw differently
_ROWS_AT_ONCE = 4096  # in validation


@dataclass(frozen=True, eq=False)
class Windows:
    """The last `length` rows before and at each of `ends`, with a target each.

    Args:
        rows: features, scaled [rows, features].
        ends: the row number at which each window ends; the `length - 1` rows before it belong to the same series.
        targets: one for each end.
        length: rows of a window.
    """

    rows: Tensor
    ends: Tensor
    targets: Tensor
    length: int

    def __len__(self) -> int:
        return len(self.ends)

    def batch(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """The windows [batch, length, features] and the targets [batch] at these places."""
        offsets = torch.arange(1 - self.length, 1, device=self.ends.device)
        return self.rows[self.ends[places][:, None] + offsets], self.targets[places]


class FitConfig(Section):
    """How a network is fitted: AdamW with clipped gradients, a warm-up, and an early stop.

    Args:
        lr: learning rate, reached over the first epoch.
        weight_decay: of AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101).
        batch_size: windows of a step.
        max_epochs: passes over the training rows, at most.
        patience: epochs after the best one, by validation loss, until the training ends.
        clip: the largest norm of a gradient.
        mixed_precision: multiply matrices in bfloat16 where the processor has it; weights stay in single precision.
    """

    lr: float = 1e-3
    weight_decay: float = 1e-4
    batch_size: int = 128
    max_epochs: int = 30
    patience: int = 5
    clip: float = 1.0
    mixed_precision: bool = False


@dataclass(frozen=True, eq=False)
class Fitted:
    """A network with the weights of its best epoch, and its epochs."""

    network: nn.Module
    history: History


@dataclass(frozen=True, eq=False)
class Fit:
    """One training.

    Args:
        make: makes the network, whose first weights follow from the seed.
        loss: of each row.
        config: how it is fitted.
        seed: of the first weights, the batches and the dropout.
        train: windows to learn from.
        validation: windows on which the epoch is selected; without them the last one serves.
        checkpoint: the file in which each epoch is stored, and from which an interrupted training goes on.
    """

    make: Callable[[], nn.Module]
    loss: Loss
    config: FitConfig
    seed: int
    train: Windows
    validation: Windows | None = None
    checkpoint: Path | None = None

    def run(self, epochs: int | None = None, on_epoch: OnEpoch = lambda _epoch: None) -> Fitted:
        """Train for at most `epochs`, those of the config by default."""
        last, device = epochs or self.config.max_epochs, self.train.rows.device
        with own_randomness(device):
            key = self._key(epochs)
            torch.manual_seed(self.seed * _SEEDS)
            network = self.make().to(device)
            optimiser = torch.optim.AdamW(
                network.parameters(), lr=self.config.lr, weight_decay=self.config.weight_decay
            )
            state = State(network, optimiser, copy.deepcopy(network.state_dict()), History())
            if self.checkpoint is not None:
                load_checkpoint(self.checkpoint, key, state, History.of)
            for epoch in state.history.epochs:
                on_epoch(epoch)
            while not state.history.ended(last, self.config.patience):
                self._advance(state, key, on_epoch)
        network.load_state_dict(state.best)
        return Fitted(network.cpu().eval(), state.history)

    def _advance(self, state: State[nn.Module, History], key: str, on_epoch: OnEpoch) -> None:
        epoch = self._epoch(state)
        state.history.epochs.append(epoch)
        if state.history.best is epoch:
            state.best = copy.deepcopy(state.network.state_dict())
        if self.checkpoint is not None:
            save_checkpoint(self.checkpoint, key, state)
        on_epoch(epoch)

    def _epoch(self, state: State[nn.Module, History]) -> Epoch:
        """One pass; all that is drawn by lot follows from the seed and its number, so that it can begin anywhere."""
        number = len(state.history.epochs) + 1
        torch.manual_seed(self.seed * _SEEDS + number)
        state.network.train()
        batches = torch.split(torch.randperm(len(self.train)), self.config.batch_size)
        total = torch.zeros((), device=self.train.rows.device)
        for step, places in enumerate(batches, start=1):
            warm = step / len(batches) if number == 1 else 1.0
            for group in state.optimiser.param_groups:
                group["lr"] = self.config.lr * warm
            total += self._step(state, places.to(self.train.rows.device)) * len(places)
        train_loss = float(total) / len(self.train)
        validated = None if self.validation is None else self._measured(state.network, self.validation)
        return Epoch(number, train_loss, validated)

    def _step(self, state: State[nn.Module, History], places: Tensor) -> Tensor:
        windows, targets = self.train.batch(places)
        with torch.autocast(windows.device.type, torch.bfloat16, enabled=self.config.mixed_precision):
            outputs = state.network(windows)
        loss = self.loss(outputs.float(), targets).mean()
        state.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(state.network.parameters(), self.config.clip)
        state.optimiser.step()
        return loss.detach()

    @torch.no_grad()
    def _measured(self, network: nn.Module, windows: Windows) -> float:
        network.eval()
        total = 0.0
        for places in torch.split(torch.arange(len(windows), device=windows.rows.device), _ROWS_AT_ONCE):
            rows, targets = windows.batch(places)
            total += float(self.loss(network(rows), targets).double().sum())
        return total / len(windows)

    def _key(self, epochs: int | None) -> str:
        """The hash of everything that must be the same for a training to be resumed."""
        digest = hashlib.sha256()
        device = str(self.train.rows.device)
        document = [self.config.model_dump(mode="json"), self.seed, epochs, device, torch.__version__]
        digest.update(json.dumps([*document, str(self.make())]).encode())
        for windows in filter(None, (self.train, self.validation)):
            for tensor in (windows.rows, windows.ends, windows.targets):
                digest.update(tensor.cpu().numpy().tobytes())
        return digest.hexdigest()


@contextmanager
def own_randomness(device: torch.device) -> Iterator[None]:
    """Draws of this training leave the global generators as they were; one thread adds up in one order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        torch.set_num_threads(threads)
