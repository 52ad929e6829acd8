"""Write metric_quantstats.json: returns of a model and of its benchmark, and what quantstats makes of them.

It needs an environment of its own (`pip install quantstats==0.0.81`); from the root of the repository:
`python tests/golden/regenerate_metric_quantstats.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import quantstats.stats

HERE = Path(__file__).parent


def main() -> None:
    rng = np.random.default_rng(20_200_107)
    index = pd.bdate_range("2020-01-01", periods=400)
    returns, benchmark = (pd.Series((rng.standard_t(4, 400) * 0.01 + 0.0008).round(6), index) for _ in range(2))
    table = pd.read_csv(HERE / "metric_peers.csv").query("peer == 'quantstats' and function != 'drawdown_details'")
    figures = {}
    for name in table["function"]:
        function = getattr(quantstats.stats, name)
        extra = (benchmark,) if name == "information_ratio" else ()
        figures[name] = float(function(returns, *extra))
    drawdowns = quantstats.stats.drawdown_details(quantstats.stats.to_drawdown_series(returns))
    deepest = drawdowns.loc[drawdowns["max drawdown"].idxmin()]
    figures["drawdown_details"] = {
        "average_drawdown": float(drawdowns["max drawdown"].mean()),
        "max_drawdown_start": str(deepest["start"]),
        "max_drawdown_trough": str(deepest["valley"]),
        "max_drawdown_recovery": str(deepest["end"]),
    }
    golden = {"returns": returns.to_list(), "benchmark": benchmark.to_list(), "figures": figures}
    (HERE / "metric_quantstats.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
