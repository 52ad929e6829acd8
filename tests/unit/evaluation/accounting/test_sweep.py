from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from config.errors import NightdeskError
from evaluation import Costs, backtest
from evaluation.accounting.sweep import crossing, sweep
from tests.support.markets.prices import frame, series, walk


def averages(bars: pd.DataFrame, *windows: int) -> dict[int, pd.Series]:
    return {n: bars["close"].rolling(n).mean() for n in windows}


def test_one_row_a_pair_in_the_order_given_with_the_figures_of_its_backtest():
    bars = walk(500)
    lines = averages(bars, 5, 20, 50)
    rows = sweep(bars, lines, [(20, 50), (5, 20)], above=0.9, below=-0.9)
    assert list(rows.index) == [(20, 50), (5, 20)]
    expected = backtest(bars, crossing(lines[5], lines[20], 0.9, -0.9)).metrics()
    assert rows.loc[(5, 20)].to_dict() == pytest.approx({name: expected[name] for name in rows.columns}, rel=1e-9)
    assert expected["trades"] > 5


def test_a_crossing_by_hand():
    bars = frame([10, 10, 20, 40, 40, 30])
    lines = {"fast": series([math.nan, 2, 2, 1, 1, 1], bars), "slow": series([1, 1, 1, 1, 2, 2], bars)}
    assert list(crossing(lines["fast"], lines["slow"], 0.5)) == [0.0, 0.5, 0.5, 0.0, 0.0, 0.0]
    rows = sweep(bars, lines, [("fast", "slow")], above=0.5, costs=Costs(0.0, 0.0), initial_cash=1000.0)
    # 25 shares bought at the open of bar 2 for 20, sold at the open of bar 4 for 40.
    row = rows.loc[("fast", "slow")]
    assert row["total_return"] == pytest.approx(50.0)
    assert row["trades"] == 1
    assert row["exposure"] == pytest.approx(100 * 2 / 6)
    assert row["max_drawdown"] == 0.0


def test_a_level_is_a_line_too():
    bars = walk(100)
    lines = {"close": bars["close"], "level": series(np.full(100, 100.0), bars)}
    assert sweep(bars, lines, [("close", "level")]).loc[("close", "level"), "trades"] >= 1


def test_what_never_trades_has_no_sharpe_ratio_and_no_infinite_one():
    bars = walk(50)
    lines = {"low": bars["low"], "high": bars["high"] + 1.0, "unknown": series([math.nan] * 50, bars)}
    for costs in (Costs(), Costs(cash_interest=0.05)):
        rows = sweep(bars, lines, [("low", "high"), ("low", "unknown")], costs=costs)
        assert rows["sharpe_ratio"].isna().all()
        assert (rows["trades"] == 0).all()
        assert (rows["exposure"] == 0.0).all()
        assert np.isfinite(rows["total_return"]).all()


@pytest.mark.parametrize("count", [1, 2])
def test_a_bar_or_two_and_constant_prices_are_no_error(count):
    bars = frame([10.0] * count)
    rows = sweep(bars, {1: bars["close"], 2: bars["close"] - 1.0}, [(1, 2)], costs=Costs(0.0, 0.0))
    assert rows.loc[(1, 2), "total_return"] == 0.0
    assert math.isnan(rows.loc[(1, 2), "sharpe_ratio"])


def test_rows_without_times_leave_the_year_undefined():
    bars = walk(50).reset_index(drop=True)
    assert math.isnan(sweep(bars, averages(bars, 2, 5), [(2, 5)]).loc[(2, 5), "sharpe_ratio"])


BARS = walk(20)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"pairs": []}, "no pairs"),
        ({"pairs": [(2, 7)]}, "name 7, which is no line"),
        ({"lines": {2: BARS["close"].head(19), 5: BARS["close"]}}, "line 2 has 19 rows and the bars have 20"),
        ({"above": 1.5}, r"`above` is 1\.5, outside"),
        ({"below": math.nan}, "`below` is nan, outside"),
        ({"initial_cash": 0.0}, "initial cash is 0"),
        ({"bars": BARS.assign(close=-1.0)}, r"close is -1\.0 at 2024-01-01"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_cure(changes, named):
    arguments = {"bars": BARS, "lines": averages(BARS, 2, 5), "pairs": [(2, 5)], **changes}
    with pytest.raises(NightdeskError, match=named) as error:
        sweep(**arguments)
    assert error.value.code == "backtest.invalid"
    assert error.value.cure
