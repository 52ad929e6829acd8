from __future__ import annotations

import json

import numpy as np
import pytest

from evaluation import Costs, backtest
from evaluation.statistics.cost_sensitivity import cost_sensitivity
from tests.support.markets.prices import frame, series, walk

FREE = Costs(0.0, 0.0)


def test_each_row_is_the_backtest_at_its_costs():
    bars = walk(120, seed=1)
    target = series(np.resize([0.0, 1.0, 1.0], 120), bars)
    sensitivity = cost_sensitivity(bars, target)
    assert [row.factor for row in sensitivity.rows] == [0.0, 1.0, 2.0, 5.0]
    for row in sensitivity.rows:
        metrics = backtest(bars, target, Costs(0.001 * row.factor, 0.0005 * row.factor)).metrics()
        assert row.figures["sharpe_ratio"] == metrics["sharpe_ratio"]
    returns = [row.figures["total_return"] for row in sensitivity.rows]
    assert returns == sorted(returns, reverse=True)


def test_break_even_by_hand():
    # Bought at 100 and sold at 110, commission c each way: 1.1 (1 - c) / (1 + c) = 1 at c = 0.1 / 2.1.
    bars = frame([100.0, 100.0, 110.0, 110.0])
    sensitivity = cost_sensitivity(bars, series([1.0, 0.0, 0.0, 0.0], bars), Costs(0.001, 0.0)).break_even
    assert sensitivity.factor == pytest.approx(0.1 / 2.1 / 0.001, abs=1e-3)
    assert sensitivity.one_way_percent == pytest.approx(10.0 / 2.1, abs=1e-4)


def test_at_break_even_nothing_is_left():
    bars = walk(400, seed=3, drift=0.002)
    target = series(np.resize([0.0, 1.0, 1.0, 1.0, 1.0], 400), bars)
    factor = cost_sensitivity(bars, target).break_even.factor
    assert factor is not None
    total_return = backtest(bars, target, Costs(0.001 * factor, 0.0005 * factor)).metrics()["total_return"]
    assert total_return == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize(
    ("closes", "weights", "costs", "reason"),
    [
        ([100.0, 100.0, 110.0], [1.0, 0.0, 0.0], FREE, "no_costs"),
        ([100.0, 100.0, 110.0], [0.0, 0.0, 0.0], Costs(), "no_trades"),
        ([100.0], [1.0], Costs(), "no_trades"),
        ([100.0, 100.0, 90.0], [1.0, 0.0, 0.0], Costs(0.0, 0.0, commission_minimum=1.0), "never_profitable"),
        ([100.0, 100.0, 100.0], [1.0, 0.0, 0.0], Costs(), "never_profitable"),
        ([100.0, 100.0, 90.0], [1.0, 0.0, 0.0], Costs(), "never_profitable"),
        ([100.0, 100.0, 200.0], [1.0, 0.0, 0.0], Costs(), "always_profitable"),
    ],
)
def test_where_there_is_no_break_even_there_is_a_reason(closes, weights, costs, reason):
    bars = frame(closes)
    sensitivity = cost_sensitivity(bars, series(weights, bars), costs)
    assert (sensitivity.break_even.factor, sensitivity.break_even.reason) == (None, reason)
    assert json.loads(json.dumps(sensitivity.to_dict(), allow_nan=False)) == sensitivity.to_dict()


def test_breaking_even_is_earning_what_cash_earns():
    bars = frame([100.0, 100.0, 100.1, 100.1])
    target, rich = series([1.0, 0.0, 0.0, 0.0], bars), Costs(0.001, 0.0, cash_interest=0.9)
    assert backtest(bars, target, rich.scaled(0.0)).metrics()["total_return"] > 0.5
    assert cost_sensitivity(bars, target, rich).break_even.reason == "never_profitable"


def test_costs_that_cannot_be_are_not_tried():
    bars = walk(30)
    row = cost_sensitivity(bars, series([1.0] * 30, bars), Costs(0.3, 0.0)).rows[-1]
    assert (row.figures["total_return"], row.reasons["total_return"]) == (None, "costs_too_high")
