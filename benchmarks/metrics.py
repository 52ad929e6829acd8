"""Seven metrics of a million returns beside empyrical and quantstats, which runs in an environment of its own.

python -m benchmarks.metrics
"""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks._figures import REPEATS, ROWS, market, seconds, show, show_ratio
from benchmarks._peers import measured
from evaluation import compute_metrics
from evaluation.metrics import formulas
from evaluation.metrics.formulas import Array

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import empyrical

YEAR = 252.0
Call = Callable[[Array], float]
PAIRS: dict[str, tuple[Call, Call]] = {
    "total return": (formulas.total_return, empyrical.cum_returns_final),
    "CAGR": (
        partial(formulas.cagr, periods_per_year=YEAR),
        partial(empyrical.annual_return, annualization=YEAR),
    ),
    "volatility": (
        partial(formulas.volatility, periods_per_year=YEAR),
        partial(empyrical.annual_volatility, annualization=YEAR),
    ),
    "Sharpe": (
        partial(formulas.sharpe_ratio, periods_per_year=YEAR),
        partial(empyrical.sharpe_ratio, annualization=YEAR),
    ),
    "Sortino": (
        partial(formulas.sortino_ratio, periods_per_year=YEAR),
        partial(empyrical.sortino_ratio, annualization=YEAR),
    ),
    "max drawdown": (formulas.max_drawdown, empyrical.max_drawdown),
    "Calmar": (
        partial(formulas.calmar_ratio, periods_per_year=YEAR),
        partial(empyrical.calmar_ratio, annualization=YEAR),
    ),
}


def main() -> bool:
    """Print every figure; whether every goal was met."""
    bars = market(ROWS + 1)
    close = bars.frame["close"].to_numpy()
    returns = close[1:] / close[:-1] - 1.0
    print(f"{returns.size:,} returns as an array (quantstats: as the series it asks for), medians of {REPEATS}")
    peer = measured("_quantstats.py", ["quantstats==0.0.81"], bars)
    totals = np.zeros(3)
    print(f"{'ms':<14}{'ours':>10}{'empyrical':>12}{'quantstats':>12}")
    for name, pair in PAIRS.items():
        middles = [statistics.median(durations) for durations in seconds(*(partial(call, returns) for call in pair))]
        row = np.array([*middles, peer[name] if peer else np.nan])
        totals += row
        print(f"{name:<14}{1e3 * row[0]:>10.2f}{1e3 * row[1]:>12.2f}{1e3 * row[2]:>12.2f}")
    print(f"{'together':<14}{1e3 * totals[0]:>10.2f}{1e3 * totals[1]:>12.2f}{1e3 * totals[2]:>12.2f}")
    met = [show_ratio("beside empyrical", totals[1] / totals[0], 10.0)]
    if peer:
        met.append(show_ratio("beside quantstats", totals[2] / totals[0], 50.0))
    (everything,) = seconds(lambda: compute_metrics(returns, periods_per_year=YEAR))
    show("all that compute_metrics can say of them", everything)
    return all(met)


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
