"""Our metrics against those of empyrical (run here) and of quantstats (run by regenerate_metric_quantstats.py)."""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evaluation import compute_metrics
from evaluation.metrics import formulas
from evaluation.metrics.summary import DRAWDOWN_TIMES, UNITS

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import empyrical

HERE = Path(__file__).parent
TABLE = pd.read_csv(HERE / "metric_peers.csv", keep_default_na=False)
QUANTSTATS = json.loads((HERE / "metric_quantstats.json").read_text())
YEAR = 252.0
COMPOUNDED = ("cagr", "calmar_ratio")
YEARLY = ("annual_return", "annual_volatility", "downside_risk", "sharpe_ratio", "sortino_ratio", "calmar_ratio")


def rows(peer: str) -> list[Any]:
    return list(TABLE[TABLE["peer"] == peer].itertuples())


def compare(row: Any, ours: float | None, theirs: float) -> None:
    """They agree up to the table's scale; where it has none they do not, and it says why."""
    if row.scale:
        scale = math.sqrt(YEAR) if row.scale == "root of the year" else float(row.scale)
        assert ours == pytest.approx(theirs * scale, rel=1e-10)
    else:
        assert row.note
        assert ours is None or not any(ours == pytest.approx(theirs * scale, rel=1e-3) for scale in (1.0, 100.0))


def test_the_table_names_every_metric_and_nothing_else():
    assert set(TABLE["metric"]) == set(UNITS)
    assert (TABLE["note"] != "")[TABLE["scale"] == ""].all()


@pytest.mark.parametrize("row", rows("empyrical"), ids=lambda row: row.metric)
@pytest.mark.parametrize("bars", [20, 21, 39, 41, 700])
def test_empyrical(row: Any, bars: int):
    returns, benchmark = np.random.default_rng(1).standard_t(4, (2, bars)) * 0.01
    ours = compute_metrics(returns, periods_per_year=YEAR, benchmark=benchmark)[row.metric]
    extra = (benchmark,) if row.function == "excess_sharpe" else ()
    keywords = {"annualization": YEAR} if row.function in YEARLY else {}
    if row.metric in COMPOUNDED and bars < YEAR / 4:
        assert ours is None  # theirs compounds a month to a year
        return
    compare(row, ours, getattr(empyrical, row.function)(returns, *extra, **keywords))


@pytest.mark.parametrize(
    "row", [row for row in rows("quantstats") if row.function != "drawdown_details"], ids=lambda row: row.metric
)
def test_quantstats(row: Any):
    returns, benchmark = (np.array(QUANTSTATS[name]) for name in ("returns", "benchmark"))
    ours = compute_metrics(returns, periods_per_year=YEAR, benchmark=benchmark)[row.metric]
    compare(row, ours, QUANTSTATS["figures"][row.function])


def test_the_drawdowns_of_quantstats():
    index = pd.bdate_range("2020-01-01", periods=len(QUANTSTATS["returns"]))
    ours = compute_metrics(pd.Series(QUANTSTATS["returns"], index), periods_per_year=YEAR)
    theirs = QUANTSTATS["figures"]["drawdown_details"]
    assert ours["average_drawdown"] == pytest.approx(theirs["average_drawdown"], rel=1e-10)
    bar = {name: index.get_loc(ours[name]) for name in DRAWDOWN_TIMES}
    assert [bar[name] - index.get_loc(theirs[name]) for name in DRAWDOWN_TIMES] == [-1, 0, 1]


def test_over_bars_the_formulas_of_trades_are_those_of_quantstats():
    returns, theirs = np.array(QUANTSTATS["returns"]), QUANTSTATS["figures"]
    assert formulas.win_rate(returns[returns != 0.0]) == pytest.approx(100.0 * theirs["win_rate"])
    assert formulas.profit_factor(returns) == pytest.approx(theirs["profit_factor"])
    assert formulas.best_trade(returns) == pytest.approx(100.0 * theirs["best"])
    assert formulas.worst_trade(returns) == pytest.approx(100.0 * theirs["worst"])
