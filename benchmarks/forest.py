"""How long one row takes: the flat forest, `BehavioralCloner.predict` on a frame's row, and scikit-learn's own.

python -m benchmarks.forest
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

from trainers import BehavioralCloner

TREES, DEPTH = 100, 10
NAMES = ["close", "volume", "rsi", "ema", "macd", "volume_change", "high_low_spread", "atr"]
GOALS = {"flat forest, array": 50.0, "predict, frame row": 200.0}  # microseconds, p99


def grown(rows: int = 1500) -> tuple[RandomForestClassifier, pd.DataFrame]:
    """A forest on noise, which grows as deep as it may, and new rows to predict."""
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.normal(size=(rows, len(NAMES))), columns=NAMES)
    y = random.choice([-1, 0, 1], rows, p=[0.1, 0.8, 0.1])
    forest = RandomForestClassifier(TREES, max_depth=DEPTH, class_weight="balanced", random_state=0)
    return forest.fit(X.to_numpy(), y), X


def microseconds(call: Callable[[], object], repeats: int) -> np.ndarray:
    """How long each of `repeats` calls took, the first few left out."""
    durations = np.empty(repeats + 10)
    for i in range(len(durations)):
        start = time.perf_counter_ns()
        call()
        durations[i] = (time.perf_counter_ns() - start) / 1000.0
    return durations[10:]


def main() -> bool:
    """Print median and p99 of each; whether every goal was met."""
    forest, X = grown()
    cloner = BehavioralCloner.from_sklearn(forest, NAMES)
    row, array = X.tail(1), X.tail(1).to_numpy()
    calls: dict[str, tuple[Callable[[], object], int]] = {
        "flat forest, array": (lambda: cloner.forest.predict_proba(array), 20_000),
        "predict, frame row": (lambda: cloner.predict(row), 20_000),
        "predict, newest row of a frame": (lambda: cloner.predict(X.tail(1)[NAMES]), 5_000),
        "scikit-learn, array": (lambda: forest.predict_proba(array), 300),
    }
    met = True
    print(f"{TREES} trees of depth {DEPTH}, {len(cloner.forest.feature)} nodes, {len(NAMES)} features; microseconds")
    for name, (call, repeats) in calls.items():
        durations = microseconds(call, repeats)
        p99, goal = float(np.percentile(durations, 99)), GOALS.get(name)
        met &= goal is None or p99 < goal
        line = f"{name:<32} median {np.median(durations):>8.1f}   p99 {p99:>8.1f}"
        print(line + (f"   goal {goal:.0f}" if goal else ""))
    return met


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
