"""Cloned policies: how fast one decides and is trained, and how well it repeats a teacher's newest decisions.

The teacher is the packaged strategy without a policy, on daily bars with the headlines there are. The newest fifth of
its decisions is never trained on; twenty closes before it are left out. Beside the accuracy stand that of always
choosing the most frequent action, and that of repeating the teacher's own last action, which a policy is not shown.

python -m benchmarks.policies
"""

from __future__ import annotations

import io
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from data_pipeline.bars.bars import Bars
from data_pipeline.inputs import Inputs
from data_pipeline.offline.dataset import OfflineDataset
from data_pipeline.sources.sample import SampleSource
from evaluation.null_markets.sizes import Sizes
from evaluation.null_markets.worlds import BULL_AND_BEAR, NULL_WORLDS, World, null_market
from trainers import BehaviorCloningTrainer, TrainingConfig, load_rl_policy
from trainers.cloning.policy.network.inference import RlPolicy
from trainers.cloning.policy.training.trainer import CloningMetrics
from trainers.policy_cloner.teacher import training_dataset

FIRST, END = datetime(2012, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
SYMBOLS, SEED = ("BTC-USD", "AAPL", "MSFT", "SPY"), 42
SAMPLES, EPOCHS, EPOCHS_GOAL = 1_453, 20, 5.0
ROUNDS, CALLS, STATE_GOAL = 10, 5_000, 0.2e-3


def sample(symbol: str) -> Inputs:
    """Twelve years of the sample market, with its headlines."""
    source = SampleSource()
    headlines = [headline for headline in source.headlines(symbol, END) if headline.seen_at is not None]
    seen_at = pd.DatetimeIndex([headline.seen_at for headline in headlines]).as_unit("ns")
    rows = pd.DataFrame({"seen_at": seen_at, "title": [headline.title for headline in headlines]}, seen_at)
    inputs = Inputs.of(source.fetch(symbol, "1d", FIRST, END))
    return replace(inputs, headlines={symbol: rows.sort_index()}) if len(rows) else inputs


def null(world: World, like: Bars) -> Inputs:
    """As many bars of a world that nobody can time, with moves of the sizes of `like`."""
    random = np.random.default_rng(SEED)
    return Inputs.of(null_market("NULL", world, [Sizes.of(like)], len(like), random))


def decisions(inputs: Inputs) -> OfflineDataset:
    """The teacher's decisions, each with its state."""
    since = inputs.times[0].to_pydatetime()
    return training_dataset(inputs, "baseline_v1", "exit", since, with_rewards=False)


def trained(dataset: OfflineDataset, folder: Path, validation: float, **changes: int) -> CloningMetrics:
    """The policy of a dataset, by the defaults of `TrainingConfig`."""
    dataset.save(folder / "dataset.npz")
    config = TrainingConfig(folder / "dataset.npz", folder, validation=validation, device="cpu", **changes)
    return BehaviorCloningTrainer(config, io.StringIO()).train()


def row(name: str, dataset: OfflineDataset, folder: Path) -> str:
    """How the policy agrees with its teacher, as a row of a table in Markdown."""
    metrics = trained(dataset, folder, 0.2)
    newest, best = dataset.actions[-metrics.validation.rows - 1 :], metrics.epochs[metrics.best_epoch - 1]
    loss_gap = (best.val_loss or 0.0) - best.train_loss
    shares = "/".join(f"{share:.0%}" for share in dataset.counts / len(dataset))
    accuracy, majority, kappa = metrics.val_action_acc, metrics.validation.majority, metrics.validation.kappa or 0.0
    gap = metrics.train_action_acc - accuracy
    passed = accuracy > 0.7 and gap < 0.1 and loss_gap < 0.2 and (accuracy - majority >= 0.15 or kappa >= 0.4)
    figures = f"{accuracy:.1%} | {gap * 100:+.1f} | {loss_gap:+.3f} | {majority:.1%} | {kappa:.2f}"
    repeated = float((newest[1:] == newest[:-1]).mean())
    return f"| {name} | {len(dataset):,} | {shares} | {figures} | {repeated:.1%} | {'pass' if passed else 'fail'} |"


def table(folder: Path) -> None:
    """Print a row for each market."""
    print(
        "| market | decisions | hold/buy/sell | accuracy | gap, points | loss gap | majority | kappa | repeat | all |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for symbol in SYMBOLS:
        print(row(f"sample {symbol}", decisions(sample(symbol)), folder), flush=True)
    like = sample(SYMBOLS[-1]).only
    for world in (NULL_WORLDS[0], NULL_WORLDS[3], BULL_AND_BEAR):
        print(row(world.name, decisions(null(world, like)), folder), flush=True)


def one_state(policy: RlPolicy, dataset: OfflineDataset) -> tuple[float, float]:
    """Median and p99 of the seconds of one decision, of the quietest of some rounds: others share this machine."""
    durations = np.empty((ROUNDS, CALLS))
    for place in np.ndindex(durations.shape):
        state = dataset.states[place[1] % len(dataset)]
        began = time.perf_counter()
        policy.predict(state)
        durations[place] = time.perf_counter() - began
    middle, high = np.quantile(durations, [0.5, 0.99], axis=1)
    quietest = int(high.argmin())
    return float(middle[quietest]), float(high[quietest])


def main() -> int:
    """Print the figures; 1 if a goal was missed."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        dataset = decisions(sample(SYMBOLS[0]))
        part = dataset.rows(np.arange(SAMPLES))
        trained(part, folder, 0.1, max_epochs=1)
        began = time.process_time()
        trained(part, folder, 0.1, max_epochs=EPOCHS, patience=EPOCHS)
        taken = time.process_time() - began
        print(f"{EPOCHS} epochs over {SAMPLES:,} samples, one core: {taken:.2f} s of processor   goal {EPOCHS_GOAL:g}")
        policy = load_rl_policy(folder / "policy_best.pt")
        middle, high = one_state(policy, dataset)
        print(f"one state: median {middle * 1e3:.4f} ms, p99 {high * 1e3:.4f} ms   goal {STATE_GOAL * 1e3:g}")
        table(folder)
    return 0 if taken < EPOCHS_GOAL and high < STATE_GOAL else 1


if __name__ == "__main__":
    raise SystemExit(main())
