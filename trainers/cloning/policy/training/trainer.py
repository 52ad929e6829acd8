"""`BehaviorCloningTrainer`: trains a policy from a dataset of decisions and writes `policy_best.pt`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch

from config.errors import NightdeskError
from data_pipeline.offline.dataset import ACTION_NAMES, OfflineDataset
from trainers.cloning.policy.config import CloningConfig, PolicyClonerParams, TrainingConfig
from trainers.cloning.policy.network.file import PolicyDescription, write_policy
from trainers.cloning.policy.network.nets import make_network
from trainers.cloning.policy.network.serving import ServedPolicy
from trainers.cloning.policy.training.epochs import Agreement, Epoch
from trainers.cloning.policy.training.fitting import Fit, Fitted, facts, resolved_device
from trainers.cloning.policy.training.samples import Samples, split
from trainers.common.writable import require_writable

POLICY_FILE = "policy_best.pt"
SEEDS = (42, 123, 456)
_CHECKPOINT = "training.safetensors"
_RULE = "=" * 60


@dataclass(frozen=True)
class CloningMetrics:
    """What a training came to, all of its best epoch.

    Args:
        best_val_loss: the lowest loss on the validation rows.
        val_action_acc: the share of the teacher's actions there that the policy repeats.
        best_epoch: its number.
        train_action_acc: the same share on the training rows.
        epochs: each epoch.
        validation: the agreement with the teacher on the validation rows.
        policy_path: the file that was written.
    """

    best_val_loss: float
    val_action_acc: float
    best_epoch: int
    train_action_acc: float
    epochs: tuple[Epoch, ...]
    validation: Agreement
    policy_path: str


class BehaviorCloningTrainer:
    """Clones a teacher's decisions.

    trainer = BehaviorCloningTrainer(TrainingConfig("data/offline_dataset.npz", "models/rl_bc", max_epochs=20))
    trainer.train().val_action_acc
    """

    def __init__(self, cfg: TrainingConfig, stream: TextIO | None = None) -> None:
        self.config = cfg
        self.stream = stream

    def train(self) -> CloningMetrics:
        """Train on the older rows, select the epoch by the newest, and write the policy.

        A training that was interrupted goes on from its last epoch, if neither config nor dataset has changed.
        """
        config = self.config
        dataset = OfflineDataset.load(config.dataset_path).in_order()
        require_actions(dataset.counts, config.dataset_path.name)
        train, validation = split(dataset, config)
        require_actions(dataset.rows(train).counts, f"the training part of {config.dataset_path.name}")
        require_writable(config.output_dir)
        device, checkpoint = resolved_device(config.device), config.output_dir / _CHECKPOINT
        older, newer = (Samples.of(dataset.rows(rows), device) for rows in (train, validation))
        fit = Fit(config, config.seed, older, newer, checkpoint=checkpoint)
        self._print_header(dataset, len(train), len(validation), device)
        fitted = fit.run(on_epoch=self._print_epoch)
        metrics = self._finish(fitted, dataset, train, validation)
        checkpoint.unlink(missing_ok=True)
        self._print_end(metrics)
        return metrics

    def _finish(
        self, fitted: Fitted, dataset: OfflineDataset, train: np.ndarray[Any, Any], validation: np.ndarray[Any, Any]
    ) -> CloningMetrics:
        """Write the policy as it serves, and measure that."""
        served, path = fitted.network.served(), self.config.output_dir / POLICY_FILE
        on_training, on_validation = (agreement(served, dataset.rows(rows)) for rows in (train, validation))
        metadata = {
            **facts(fitted.history),
            "val_action_acc": on_validation.accuracy,
            "train_action_acc": on_training.accuracy,
            "validation": asdict(on_validation),
            "actions": dict(zip(ACTION_NAMES, dataset.counts.tolist(), strict=True)),
            "rows": len(dataset),
            "dataset": self.config.dataset_path.name,
            "dataset_sha256": sha256(self.config.dataset_path.read_bytes()).hexdigest(),
            "parameters": _parameters(fitted),
            "torch": torch.__version__,
        }
        config = self.config.model_dump(mode="json", exclude={"dataset_path", "output_dir"})
        write_policy(path, served, PolicyDescription(config=config, metadata=metadata))
        best = fitted.history.best
        return CloningMetrics(
            best_val_loss=float(best.val_loss if best.val_loss is not None else np.nan),
            val_action_acc=on_validation.accuracy,
            best_epoch=best.number,
            train_action_acc=on_training.accuracy,
            epochs=tuple(fitted.history.epochs),
            validation=on_validation,
            policy_path=str(path),
        )

    def _print_header(self, dataset: OfflineDataset, train: int, validation: int, device: torch.device) -> None:
        counts = ", ".join(f"{name}={count}" for name, count in zip(ACTION_NAMES, dataset.counts, strict=True))
        rows, numbers = dataset.states.shape
        left_out = rows - train - validation
        self._print(
            _RULE,
            "RL Behavior Cloning Training",
            _RULE,
            f"Dataset: {self.config.dataset_path}",
            f"Loaded dataset: {rows} samples, {numbers} features",
            f"Action distribution: {counts}",
            f"Train size: {train}, Val size: {validation}"
            + (f" ({left_out} between them left out)" if left_out else ""),
            f"Model parameters: {_parameters_of(self.config):,}",
            f"Device: {device}",
            _RULE,
        )

    def _print_epoch(self, epoch: Epoch) -> None:
        self._print(f"[Epoch {epoch.number}/{self.config.max_epochs}] {epoch.message}")

    def _print_end(self, metrics: CloningMetrics) -> None:
        self._print(
            _RULE,
            "Training complete",
            _RULE,
            f"Best validation loss: {metrics.best_val_loss:.4f}",
            f"Best epoch: {metrics.best_epoch}",
            f"Val action accuracy: {metrics.val_action_acc:.3f}",
            f"Always the most frequent action: {metrics.validation.majority:.3f}",
            f"Model saved to: {metrics.policy_path}",
            _RULE,
        )

    def _print(self, *lines: str) -> None:
        (self.stream or sys.stdout).write("\n".join(lines) + "\n")


def train_on_dataset(
    params: PolicyClonerParams,
    dataset: Path,
    output: Path | None = None,
    device: str | None = None,
    stream: TextIO | None = None,
) -> dict[str, Any]:
    """Train with the params of the model type on a dataset; what it came to, as JSON."""
    shared = params.model_dump(include=set(CloningConfig.model_fields))
    given = {
        "dataset_path": dataset,
        "seed": None if params.seed == "desk" else params.seed,
        "output_dir": output,
        "device": device,
    }
    config = TrainingConfig.model_validate(shared | {name: value for name, value in given.items() if value is not None})
    return asdict(BehaviorCloningTrainer(config, stream).train())


def train_seeds(
    cfg: TrainingConfig, seeds: Sequence[int] = SEEDS, stream: TextIO | None = None
) -> list[CloningMetrics]:
    """A policy of each seed, in the folder `<output_dir>_seed<seed>`; `load_ensemble` lets them vote."""
    return [BehaviorCloningTrainer(_of_seed(cfg, seed), stream).train() for seed in seeds]


def _of_seed(cfg: TrainingConfig, seed: int) -> TrainingConfig:
    folder = cfg.output_dir.with_name(f"{cfg.output_dir.name}_seed{seed}")
    return cfg.model_copy(update={"output_dir": folder, "seed": seed})


def agreement(policy: ServedPolicy, dataset: OfflineDataset) -> Agreement:
    """How the policy agrees with the decisions of a dataset."""
    probabilities, _ = policy.decide(dataset.states)
    return Agreement.of(dataset.actions, probabilities.argmax(axis=1), ACTION_NAMES)


def require_actions(counts: np.ndarray[Any, Any], name: str) -> None:
    """Raise unless at least two different actions occur."""
    if np.count_nonzero(counts) < 2:
        raise NightdeskError(
            "training.single_class",
            f"In {name} the only action is {ACTION_NAMES[int(np.argmax(counts))].lower()}.",
            "Generate decisions over a longer span or of more symbols, or lower the thresholds of the strategy.",
        )


def _parameters_of(config: TrainingConfig) -> int:
    with torch.random.fork_rng(devices=[]):
        return sum(weight.numel() for weight in make_network(config).parameters())


def _parameters(fitted: Fitted) -> int:
    return sum(weight.numel() for weight in fitted.network.parameters())
