"""Write dickey_fuller.json: series, and the results of statsmodels' adfuller.

It needs an environment of its own (`pip install statsmodels`); from the root of the repository:
`python tests/golden/regenerate_dickey_fuller.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from statsmodels.tsa.stattools import adfuller

HERE = Path(__file__).parent


def main() -> None:
    rng = np.random.default_rng(20_260_101)
    noise = rng.normal(size=(4, 250))
    leaning = np.zeros(250)
    for t in range(1, 250):
        leaning[t] = 0.9 * leaning[t - 1] + noise[1, t]
    series = {
        "random walk": np.cumsum(noise[0]),
        "leaning back": leaning,
        "noise": noise[2, :60],
        "short walk": np.cumsum(noise[3, :28]) + 100.0,
    }
    cases = []
    for name, values in series.items():
        rounded = values.round(6)
        for lags in (0, 1, 4):
            statistic, _, used, observations, critical, *_ = adfuller(rounded, lags, "c", autolag=None)
            assert used == lags
            figures = {"statistic": statistic, "observations": observations, "critical": critical["5%"]}
            cases.append({"name": name, "lags": lags, **figures, "values": rounded.tolist()})
    (HERE / "dickey_fuller.json").write_text(json.dumps(cases) + "\n")


if __name__ == "__main__":
    main()
