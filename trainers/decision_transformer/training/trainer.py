"""`TraderTrainer`: fits the network over epochs, measures it, stops early, and resumes to the same bits."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from trainers.common.writable import require_writable
from trainers.decision_transformer.network.batches import TrajectoryBatch
from trainers.decision_transformer.network.transformer import TraderDecisionTransformer
from trainers.decision_transformer.params import FitConfig
from trainers.decision_transformer.training.checkpoint import State, load_checkpoint, save_checkpoint
from trainers.decision_transformer.training.epochs import Epoch, History, Metrics, diverged
from trainers.decision_transformer.training.losses import action_loss, class_weights, learning_rate, return_loss
from trainers.decision_transformer.training.progress import shown
from trainers.interface import Progress

Loader = DataLoader[TrajectoryBatch]
OnEpoch = Callable[[Epoch], None]
BEST_MODEL = "best_model.pt"
_SEEDS = 1_000_003  # a prime, so that the epochs of two seeds draw differently


def _ignore(_epoch: Epoch) -> None:
    """Nobody looks at the epochs."""


@dataclass(frozen=True)
class _Losses:
    """Sums over the bars that count of one batch."""

    total: Tensor
    action: Tensor
    rtg: Tensor


class TraderTrainer:
    """Trains a `TraderDecisionTransformer`; `FitConfig` states the loss and every argument.

    trainer = TraderTrainer(model, device="cpu")
    history = trainer.train(train_loader, val_loader, epochs=50, output_dir="models")
    trainer.validate(val_loader)  # loss, accuracy, action_loss, rtg_loss, rtg_error
    """

    def __init__(
        self,
        model: TraderDecisionTransformer,
        device: str = "cpu",
        config: FitConfig | None = None,
        *,
        seed: int = 42,
    ) -> None:
        self.device = torch.device(device)
        self.model = model.to(self.device)
        self.config = config or FitConfig()
        self.seed = seed
        self.history = History()
        self.class_weights: Tensor | None = None
        self._bf16 = _has_bf16(self.device)

    def train(
        self,
        train_loader: Loader,
        val_loader: Loader | None = None,
        epochs: int | None = None,
        *,
        until: int | None = None,
        output_dir: str | Path | None = None,
        on_epoch: OnEpoch = _ignore,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Train for at most `epochs`, and leave the model with the weights of its best epoch.

        Args:
            train_loader: batches to learn from.
            val_loader: batches of other markets; without them every epoch is the best so far, and none stops it.
            epochs: over which the learning rate falls; those of the config by default.
            until: the epoch to end after, if earlier.
            output_dir: where `best_model.pt` and a checkpoint are published after every epoch; a training that finds
                its checkpoint there goes on from it, and ends with what an undisturbed one ends with.
            on_epoch: called after each epoch.
            progress: called with the fraction done and a message; without it a terminal shows a bar.
        """
        epochs = epochs or self.config.epochs
        last = min(until or epochs, epochs)
        folder = None if output_dir is None else Path(output_dir)
        if folder is not None:
            require_writable(folder)
        self.class_weights = self._class_weights(train_loader)
        made_by = self._made_by(train_loader, val_loader, epochs)
        state = State(self.model, self._optimiser(), self._weights(), History())
        if folder is not None:
            load_checkpoint(folder, made_by, state)
        with self._own_randomness(), shown(progress) as report:
            while not self._ended(state.history, last):
                epoch = self._epoch(len(state.history.epochs) + 1, train_loader, val_loader, state.optimiser, epochs)
                state.history.epochs.append(epoch)
                if state.history.best is epoch:
                    state.best = self._weights()
                if folder is not None:
                    self._publish(folder, made_by, state)
                report(epoch.number / last, epoch.message)
                on_epoch(epoch)
        self.model.load_state_dict(state.best)
        self.history = state.history
        return self._result(state.history)

    def validate(self, val_loader: Loader) -> dict[str, float]:
        """The loss of the network and its parts, the share of actions it predicts, and its error of returns to go."""
        return asdict(self._measured(val_loader))

    def _epoch(
        self, number: int, train: Loader, validation: Loader | None, optimiser: torch.optim.Optimizer, epochs: int
    ) -> Epoch:
        """One pass; all that is drawn by lot follows from the seed and its number, so that it can begin anywhere."""
        torch.manual_seed(self.seed * _SEEDS + number)
        self.model.train()
        steps, losses = len(train), []
        for step, batch in enumerate(train, start=(number - 1) * steps):
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(step, steps * epochs, self.config.learning_rate, warmup=self.config.warmup)
            losses.append(self._step(batch.to(self.device), optimiser))
        train_loss = float(torch.stack(losses).mean())
        if not math.isfinite(train_loss):
            raise diverged(number, train_loss)
        return Epoch(number, train_loss, None if validation is None else self._measured(validation))

    def _step(self, batch: TrajectoryBatch, optimiser: torch.optim.Optimizer) -> Tensor:
        loss = self._losses(batch)[0].total
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        optimiser.step()
        return loss.detach()

    def _losses(self, batch: TrajectoryBatch) -> tuple[_Losses, Tensor]:
        """The losses of a batch, and the prediction errors of returns to go and hits of actions, both by bar."""
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self._bf16):
            predicted = self.model(batch.returns_to_go, batch.states, batch.actions, batch.mask)
        logits, returns_to_go = predicted.actions.float(), predicted.returns_to_go.float()
        action = action_loss(logits, batch.actions, batch.counted, self.class_weights)
        rtg = return_loss(returns_to_go, batch.returns_to_go, batch.counted)
        total = self.config.action_loss_weight * action + self.config.rtg_loss_weight * rtg
        hits = logits.argmax(-1) == batch.actions.argmax(-1)
        errors = (returns_to_go - batch.returns_to_go).squeeze(-1).abs() / self.model.config.return_scale
        return _Losses(total, action, rtg), torch.stack([hits.float(), errors])

    @torch.no_grad()
    def _measured(self, loader: Loader) -> Metrics:
        self.model.eval()
        sums, bars = torch.zeros(5, dtype=torch.float64), 0
        for batch in (each.to(self.device) for each in loader):
            losses, by_bar = self._losses(batch)
            counted = int(batch.counted.sum())
            means = torch.stack([losses.total, losses.action, losses.rtg]).double().cpu() * counted
            sums += torch.cat([means, (by_bar * batch.counted).sum((1, 2)).double().cpu()])
            bars += counted
        total, action, rtg, hits, errors = (sums / max(bars, 1)).tolist()
        return Metrics(loss=total, accuracy=hits, action_loss=action, rtg_loss=rtg, rtg_error=errors)

    def _class_weights(self, loader: Iterable[TrajectoryBatch]) -> Tensor | None:
        if not self.config.class_balance:
            return None
        counts = sum(
            ((batch.actions * batch.counted[..., None]).sum((0, 1)) for batch in loader),
            start=torch.zeros(self.model.config.action_dim),
        )
        return class_weights(counts, self.config.class_balance).to(self.device)

    def _optimiser(self) -> torch.optim.Optimizer:
        """AdamW; only matrices decay."""
        matrices = [weight for weight in self.model.parameters() if weight.ndim > 1]
        others = [weight for weight in self.model.parameters() if weight.ndim <= 1]
        groups: list[dict[str, Any]] = [
            {"params": matrices, "weight_decay": self.config.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.config.learning_rate, fused=True)

    def _ended(self, history: History, last: int) -> bool:
        if len(history.epochs) >= last:
            return True
        validated = bool(history.epochs) and history.epochs[-1].validation is not None
        return validated and history.waited >= self.config.patience

    def _publish(self, folder: Path, made_by: dict[str, Any], state: State) -> None:
        save_checkpoint(folder, made_by, state)
        if state.history.best is state.history.epochs[-1]:
            self.model.save(folder / BEST_MODEL)

    def _made_by(self, train: Loader, validation: Loader | None, epochs: int) -> dict[str, Any]:
        """What must be the same for a training to be resumed."""
        return {
            "seed": self.seed,
            "epochs": epochs,
            "device": str(self.device),
            "train_batches": len(train),
            "validation_batches": 0 if validation is None else len(validation),
            **self.model.config.model_dump(mode="json"),
            **self.config.model_dump(mode="json", exclude={"epochs"}),
        }

    def _weights(self) -> dict[str, Tensor]:
        return copy.deepcopy(self.model.state_dict())

    def _result(self, history: History) -> dict[str, Any]:
        best = history.best
        return {
            "train_loss": [epoch.train_loss for epoch in history.epochs],
            "val_loss": [epoch.validation.loss for epoch in history.epochs if epoch.validation],
            "best_epoch": best.number if best else 0,
            **(asdict(best.validation) if best and best.validation else {}),
        }

    @contextmanager
    def _own_randomness(self) -> Iterator[None]:
        """Draws of this training leave the global generators as they were."""
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            yield


def _has_bf16(device: torch.device) -> bool:
    """Whether bf16 is fast there; a processor without instructions for it would only be slower."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16", False)
