"""Triple-barrier labels and fractional differences of a million bars, with mlfinpy beside them on 5,000.

python -m benchmarks.labels
"""

from __future__ import annotations

import statistics

import numpy as np

from benchmarks._figures import REPEATS, ROWS, market, seconds, show, show_ratio
from benchmarks._peers import measured
from data_pipeline.bars.bars import Bars
from data_pipeline.features import fractional
from data_pipeline.labels.triple_barrier import Barriers, barrier_labels
from data_pipeline.labels.weights import sample_weights

PEER_ROWS = 5_000
D, TAU = 0.4, 1e-4  # 282 weights


def main() -> bool:
    """Print every figure; whether every goal was met."""
    bars = market()
    print(f"{len(bars):,} one-minute bars, medians of {REPEATS}; sigma (EWM, span 100) is a part of the labels' time")
    logs, labelled, ranged = np.log(bars.frame["close"].to_numpy()), barrier_labels(bars), Barriers(touch="range")
    labels, highs, weights, differences = seconds(
        lambda: barrier_labels(bars),
        lambda: barrier_labels(bars, ranged),
        lambda: sample_weights(bars, labelled),
        lambda: fractional.difference(logs, D, TAU),
    )
    met = [
        show("triple barrier, closes", labels, 0.1),
        show("triple barrier, highs and lows", highs, 0.1),
        show("sample weights", weights),
        show(f"fractional difference, width {len(fractional.weights(D, TAU))}", differences, 0.04),
        beside_mlfinpy(bars, statistics.median(labels), statistics.median(differences)),
    ]
    return all(met)


def beside_mlfinpy(bars: Bars, labels: float, differences: float) -> bool:
    """mlfinpy's time on the first bars, extrapolated in a straight line, and whether it found the same touches."""
    few = bars.head(PEER_ROWS)
    peer = measured("_mlfinpy.py", ["mlfinpy[optionals]==0.1.2"], few)
    if peer is None:
        return True
    ours = barrier_labels(few)
    first = len(few) - len(peer["touched"])
    touched = np.array(peer["touched"][: len(ours)], dtype=float) - np.arange(first, first + len(ours))
    print(f"mlfinpy ends {np.mean(touched == ours['bars_held'].to_numpy()):.2%} of {len(ours):,} labels at our bar")
    scale = ROWS / PEER_ROWS
    show("mlfinpy, triple barrier, extrapolated", [peer["triple_barrier"] * scale])
    show("mlfinpy, fractional, extrapolated", [peer["fractional"] * scale])
    met = show_ratio("triple barrier beside mlfinpy", peer["triple_barrier"] * scale / labels, 1000.0)
    return show_ratio("fractional difference beside mlfinpy", peer["fractional"] * scale / differences, 1.0) and met


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
