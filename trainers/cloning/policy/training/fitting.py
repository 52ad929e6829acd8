"""Fitting a policy network on samples: epochs, early stop, and checkpoints from which it resumes to the same bits."""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trainers.cloning.policy.config import CloningConfig
from trainers.cloning.policy.network.nets import PolicyNet, make_network
from trainers.cloning.policy.training.epochs import Epoch, History, diverged
from trainers.cloning.policy.training.losses import (
    action_loss,
    class_weights,
    focal_loss,
    risk_loss,
    squared_error,
)
from trainers.cloning.policy.training.samples import Samples, batches, noise_deviation
from trainers.nets.checkpoint import State, load_checkpoint, save_checkpoint
from trainers.nets.loop import own_randomness

OnEpoch = Callable[[Epoch], None]
_SEEDS = 1_000_003  # a prime, so that the epochs of two seeds draw differently


def ignore(_epoch: Epoch) -> None:
    """Nobody looks at the epochs."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """A network with the weights of its best epoch, and what was measured on the way."""

    network: PolicyNet
    history: History


@dataclass(frozen=True, eq=False)
class Fit:
    """One training of a network.

    Args:
        config: its network and how it is fitted.
        seed: of the first weights, the batches and the noise.
        train: the rows to learn from.
        validation: rows on which the epoch is selected; without them the last epoch serves.
        checkpoint: the file in which each epoch is stored, and from which an interrupted training goes on.
    """

    config: CloningConfig
    seed: int
    train: Samples
    validation: Samples | None = None
    checkpoint: Path | None = None

    def run(self, epochs: int | None = None, on_epoch: OnEpoch = ignore) -> Fitted:
        """Train for at most `epochs`, those of the config by default."""
        last, key = epochs or self.config.max_epochs, self._key(epochs)
        with own_randomness(self.train.actions.device):
            state = self._begin()
            if self.checkpoint is not None:
                load_checkpoint(self.checkpoint, key, state, History.from_dict)
            for epoch in state.history.epochs:
                on_epoch(epoch)
            while not state.history.ended(last, self.config.patience):
                epoch = self._epoch(state)
                state.history.epochs.append(epoch)
                if state.history.best is epoch:
                    state.best = copy.deepcopy(state.network.state_dict())
                if self.checkpoint is not None:
                    save_checkpoint(self.checkpoint, key, state)
                on_epoch(epoch)
        state.network.load_state_dict(state.best)
        return Fitted(state.network.cpu().eval(), state.history)

    def _begin(self) -> State[PolicyNet, History]:
        torch.manual_seed(self.seed * _SEEDS)
        network = make_network(self.config, self.train.states.shape[1]).to(self.train.states.device)
        network.scale(*self.train.scale())
        optimiser = torch.optim.AdamW(network.parameters(), lr=self.config.lr, weight_decay=self.config.weight_decay)
        return State(network, optimiser, copy.deepcopy(network.state_dict()), History())

    def _epoch(self, state: State[PolicyNet, History]) -> Epoch:
        """One pass; all that is drawn by lot follows from the seed and its number, so that it can begin anywhere."""
        number = len(state.history.epochs) + 1
        torch.manual_seed(self.seed * _SEEDS + number)
        state.network.train()
        noise = noise_deviation(state.network.std, self.config)
        norms = [self._step(state, batch) for batch in batches(self.train, self.config, noise)]
        train_loss, train_acc = self._measured(state.network, self.train)
        val_loss, val_acc = (None, None) if self.validation is None else self._measured(state.network, self.validation)
        if not math.isfinite(train_loss) or not math.isfinite(val_loss or 0.0):
            raise diverged(number)
        return Epoch(number, train_loss, train_acc, val_loss, val_acc, float(torch.stack(norms).max()))

    def _step(self, state: State[PolicyNet, History], batch: Samples) -> Tensor:
        loss = self._loss(state.network(batch.states), batch)
        state.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(state.network.parameters(), self.config.clip)
        state.optimiser.step()
        return norm.detach()

    def _loss(self, predicted: tuple[Tensor, ...], batch: Samples) -> Tensor:
        """The loss that `CloningConfig` states."""
        logits, strengths, *outlook = predicted
        config = self.config
        if config.loss == "focal":
            action = focal_loss(logits, batch.actions, config.focal_gamma)
        else:
            action = action_loss(logits, batch.actions, self._weights if config.loss == "weighted" else None)
        total = config.alpha * action + config.beta * squared_error(strengths, batch.strengths)
        if outlook:
            returns, risks = outlook
            total = total + config.gamma * (squared_error(returns, batch.returns) + risk_loss(risks, batch.risks))
        return total

    @property
    def _weights(self) -> Tensor:
        return class_weights(self.train.counts).float()

    @torch.no_grad()
    def _measured(self, network: PolicyNet, samples: Samples) -> tuple[float, float]:
        """Loss and accuracy, without dropout."""
        network.eval()
        predicted = network(samples.states)
        hits = predicted[0].argmax(1) == samples.actions
        return float(self._loss(predicted, samples)), float(hits.double().mean())

    def _key(self, epochs: int | None) -> str:
        """The hash of everything that must be the same for a training to be resumed."""
        digest = hashlib.sha256()
        document = [self.config.model_dump(mode="json"), self.seed, epochs, str(self.train.actions.device)]
        digest.update(json.dumps([*document, torch.__version__]).encode())
        for samples in filter(None, (self.train, self.validation)):
            for tensor in (samples.states, samples.actions, samples.strengths, samples.returns, samples.risks):
                digest.update(tensor.cpu().numpy().tobytes())
        return digest.hexdigest()


def resolved_device(device: str) -> torch.device:
    """The device of a name; `auto` is a GPU if there is one."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)


def facts(history: History) -> dict[str, Any]:
    """The best epoch and how it came about, as JSON."""
    best = history.best
    return {
        "best_epoch": best.number,
        "epochs": len(history.epochs),
        "train_loss": best.train_loss,
        "train_action_acc": best.train_acc,
        "best_val_loss": best.val_loss,
        "val_action_acc": best.val_acc,
        "largest_gradient": max(epoch.gradient for epoch in history.epochs),
    }
