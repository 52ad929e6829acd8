"""Write bootstrap.json: series, and the intervals that arch computes of them.

It needs an environment of its own (`pip install arch`); from the root of the repository:
`python tests/golden/regenerate_bootstrap.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from arch.bootstrap import StationaryBootstrap, optimal_block_length

HERE = Path(__file__).parent
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def leaning(rng: np.random.Generator, rho: float, bars: int) -> np.ndarray:
    """Each value leans to the one before it, or away from it."""
    values = rng.normal(size=bars)
    for t in range(1, bars):
        values[t] += rho * values[t - 1]
    return values


def sharpe(values: np.ndarray) -> float:
    return float(values.mean() / values.std(ddof=1))


def main() -> None:
    rng = np.random.default_rng(20_260_201)
    series = {
        "noise": rng.normal(0.05, 1.0, 252),
        "long noise": rng.normal(size=1000),
        "fat tails": rng.standard_t(3, 300) + 0.1,
        "leaning on": leaning(rng, 0.4, 400) + 0.1,
        "leaning back": leaning(rng, -0.3, 252),
        "slow": leaning(rng, 0.95, 500),
        "few": rng.normal(size=30),
    }
    cases = []
    for name, exact in series.items():
        values = exact.round(5)
        length = float(optimal_block_length(values)["stationary"].iloc[0])
        drawn = StationaryBootstrap(max(length, 1.0), values, seed=1).apply(sharpe, 10_000)[:, 0]
        cases.append(
            {
                "name": name,
                "length": length,
                "sharpes": dict(zip(map(str, QUANTILES), np.quantile(drawn, QUANTILES).round(5), strict=True)),
                "values": values.tolist(),
            }
        )
    (HERE / "bootstrap.json").write_text(json.dumps(cases) + "\n")


if __name__ == "__main__":
    main()
