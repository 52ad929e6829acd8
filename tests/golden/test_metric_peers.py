"""Our metrics beside those of empyrical (asked here) and of quantstats (asked by regenerate_metric_quantstats.py)."""

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
from evaluation.metrics import METRICS

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import empyrical

HERE = Path(__file__).parent
TABLE = pd.read_csv(HERE / "metric_peers.csv", keep_default_na=False)
QUANTSTATS = json.loads((HERE / "metric_quantstats.json").read_text())
YEAR = 252.0
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
    assert set(TABLE["metric"]) == set(METRICS)
    assert (TABLE["note"] != "")[TABLE["scale"] == ""].all()


@pytest.mark.parametrize("row", rows("empyrical"), ids=lambda row: row.metric)
@pytest.mark.parametrize("bars", [20, 21, 39, 41, 700])
def test_empyrical(row: Any, bars: int):
    returns, benchmark = np.random.default_rng(1).standard_t(4, (2, bars)) * 0.01
    ours = compute_metrics(returns, periods_per_year=YEAR, benchmark=benchmark)[row.metric]
    extra = (benchmark,) if row.function == "excess_sharpe" else ()
    keywords = {"annualization": YEAR} if row.function in YEARLY else {}
    compare(row, ours, getattr(empyrical, row.function)(returns, *extra, **keywords))


@pytest.mark.parametrize("row", rows("quantstats"), ids=lambda row: row.metric)
def test_quantstats(row: Any):
    returns, benchmark = (np.array(QUANTSTATS[name]) for name in ("returns", "benchmark"))
    ours = compute_metrics(returns, periods_per_year=YEAR, benchmark=benchmark)[row.metric]
    compare(row, ours, QUANTSTATS["figures"][row.function])
