"""Forecasters: their training beside a plain loop of torch over the same network, and 500 symbols forecast.

The plain loop is what a script would write: windows copied into one tensor, a DataLoader, AdamW; it trains the same
LSTM on the same windows for as many epochs, single precision, one thread.

python -m benchmarks.forecasters
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tests.support.markets.planted_returns import noise
from trainers.forecast.data import Samples
from trainers.forecast.losses import gaussian_loss
from trainers.forecast.networks import make_network
from trainers.forecast.params import CnnParams, ForecastParams, LstmParams, TransformerParams
from trainers.forecast.table import Table
from trainers.forecast.training import Recipe

FEATURES = ("return_1", "return_5", "rsi", "realised_volatility", "bollinger_percent", "atr_to_close", "stochastic_k")
ROWS, EPOCHS, REPEATS = 3000, 4, 5
SYMBOLS, BARS = 500, 500
TRAINING_GOAL, SYMBOLS_GOAL = 1.0, 20.0


def median(work: Callable[[], object]) -> float:
    """Seconds of the work, the median of some repeats after one that is not counted."""
    durations = []
    for _ in range(REPEATS + 1):
        began = time.perf_counter()
        work()
        durations.append(time.perf_counter() - began)
    return statistics.median(durations[1:])


def plain_loop(samples: Samples, params: ForecastParams) -> None:
    """Train the same network as a script would."""
    scaled = samples.scale().apply(samples.features).astype(np.float32)
    windows = np.stack([scaled[end - params.window + 1 : end + 1] for end in samples.ends])
    data = TensorDataset(torch.from_numpy(windows), torch.from_numpy(samples.targets.astype(np.float32)))
    network = make_network(
        "lstm", features=len(FEATURES), window=params.window, hidden=params.hidden, layers=params.layers,
        dropout=params.dropout, outputs=2,
    )  # fmt: skip
    optimiser = torch.optim.AdamW(network.parameters(), lr=params.lr, weight_decay=params.weight_decay)
    for _ in range(EPOCHS):
        for rows, targets in DataLoader(data, params.batch_size, shuffle=True):
            loss = gaussian_loss(network(rows), targets).mean()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()


def training() -> bool:
    """Print rows a second of both; whether ours are as many."""
    params = LstmParams(features=FEATURES, max_epochs=EPOCHS, patience=EPOCHS)
    samples = Samples.of([Table.of(noise(ROWS).bars, FEATURES, params.horizon)], params.window, params.horizon)
    windows = len(samples.ends) * EPOCHS
    plain = median(lambda: plain_loop(samples, params))
    ours = median(lambda: Recipe("lstm", FEATURES, params)._fit(samples, samples, None, None).run(EPOCHS))  # noqa: SLF001
    half = params.model_copy(update={"mixed_precision": True})
    mixed = median(lambda: Recipe("lstm", FEATURES, half)._fit(samples, samples, None, None).run(EPOCHS))  # noqa: SLF001
    torch.set_num_threads(2)
    two = median(lambda: plain_loop(samples, params))
    torch.set_num_threads(1)
    for name, taken in (("plain loop", plain), ("ours", ours), ("ours, bf16", mixed), ("plain loop, two threads", two)):
        print(f"training, {name:24} {windows / taken:10,.0f} rows/s")
    print(f"ours beside the plain loop: {plain / ours:.2f} times as fast   goal {TRAINING_GOAL:g}")
    return plain / ours >= TRAINING_GOAL


def symbols() -> bool:
    """Print how long four forecasters need for 500 symbols, on one core; whether that meets the goal."""
    data = noise(BARS).bars
    samples = Samples.of([Table.of(data, FEATURES, 1)], 20, 1)
    total = 0.0
    for network, params in (("lstm", LstmParams), ("transformer", TransformerParams), ("cnn", CnnParams)):
        forecaster, _ = Recipe(network, FEATURES, params(features=FEATURES, max_epochs=1)).select(samples)
        forecaster.forecast(data)
        began = time.perf_counter()
        for _ in range(SYMBOLS // 10):
            forecaster.forecast(data)
        taken = 10.0 * (time.perf_counter() - began)
        total += taken
        print(f"{SYMBOLS} symbols of {BARS} bars, {network:12} {taken:6.2f} s")
    print(f"all four, the ensemble by the three again: {2.0 * total:.1f} s of one core   goal {SYMBOLS_GOAL:g}")
    return 2.0 * total < SYMBOLS_GOAL


def main() -> int:
    """Print the figures; 1 if a goal was missed."""
    torch.set_num_threads(1)
    return 0 if all([training(), symbols()]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
