from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from config.errors import NightdeskError
from evaluation import compute_metrics
from evaluation.metrics import formulas
from evaluation.metrics.formulas import UndefinedError
from evaluation.metrics.summary import UNITS

YEAR = 252.0
# 10 % up, half lost, doubled, unchanged, a tenth lost: wealth 1.1, 0.55, 1.1, 1.1, 0.99.
RETURNS = np.array([0.1, -0.5, 1.0, 0.0, -0.1])


def draw(seed: int, bars: int = 700) -> np.ndarray:
    return np.random.default_rng(seed).standard_t(4, bars) * 0.01


def test_returns_by_hand():
    assert formulas.total_return(RETURNS) == pytest.approx(-1.0)
    assert formulas.annualised_return(RETURNS, 10.0) == pytest.approx(100.0 * 0.1 * 10.0)
    assert formulas.cagr(RETURNS, 10.0) == pytest.approx(100.0 * (0.99**2 - 1.0))


def test_drawdowns_by_hand():
    np.testing.assert_allclose(formulas.drawdowns(RETURNS), [0.0, -50.0, 0.0, 0.0, -10.0], atol=1e-12)
    assert formulas.max_drawdown(RETURNS) == pytest.approx(-50.0)
    assert formulas.average_drawdown(RETURNS) == pytest.approx(-30.0)
    deepest = formulas.deepest_drawdown(RETURNS)
    assert (deepest.start, deepest.trough, deepest.recovery) == (0, 1, 2)


def test_a_first_loss_is_a_drawdown_from_the_start():
    deepest = formulas.deepest_drawdown(np.array([-0.2, 0.1]))
    assert (deepest.start, deepest.trough, deepest.recovery) == (-1, 0, None)


def test_ratios_by_hand():
    deviation = math.sqrt(sum((r - 0.1) ** 2 for r in RETURNS) / 4)
    assert formulas.sharpe_ratio(RETURNS, 4.0) == pytest.approx(0.1 / deviation * 2.0)
    assert formulas.sortino_ratio(RETURNS, 4.0) == pytest.approx(0.1 / math.sqrt((0.25 + 0.01) / 5) * 2.0)
    assert formulas.omega_ratio(RETURNS) == pytest.approx(1.1 / 0.6)
    assert formulas.calmar_ratio(RETURNS, 5.0) == pytest.approx(-1.0 / 50.0)


def test_trading_by_hand():
    trades = pd.DataFrame(
        {"pnl": [30.0, -10.0, 0.0, -5.0], "return": [0.3, -0.1, 0.0, -0.04], "bars_held": [1, 2, 3, 6]}
    )
    metrics = compute_metrics(RETURNS, periods_per_year=YEAR, trades=trades)
    assert (metrics["trades"], metrics["win_rate"], metrics["profit_factor"]) == (4, 25.0, 2.0)
    assert (metrics["best_trade"], metrics["worst_trade"], metrics["average_duration"]) == (30.0, -10.0, 3.0)
    assert metrics["expectancy"] == pytest.approx(4.0)


def test_turnover_and_exposure_by_hand():
    metrics = compute_metrics(RETURNS, periods_per_year=10.0, positions=[0, 1, -0.5, 0, 0.1], traded=[0, 1, 0.5, 0, 0])
    assert metrics["turnover"] == pytest.approx(3.0)
    assert metrics["exposure"] == pytest.approx(60.0)


@pytest.mark.parametrize(
    ("returns", "reasons"),
    [
        ([], {"total_return": "too_short", "max_drawdown": "too_short", "sharpe_ratio": "too_short"}),
        ([0.01], {"cagr": "too_short", "volatility": "too_short", "sortino_ratio": "too_short"}),
        ([0.01] * 19, {"var_5": "too_short", "cvar_5": "too_short"}),
        ([0.001] * 62, {"cagr": "too_short"}),
        ([-0.001] * 62, {"calmar_ratio": "too_short"}),
        ([-0.001] * 80, {"sharpe_ratio": "zero_variance", "sortino_ratio": "zero_variance"}),
        ([1e-16, -3e-16, 2e-16] * 30, {"sharpe_ratio": "zero_variance", "sortino_ratio": "no_losses"}),
        ([1e-16, -3e-16, 2e-16] * 30, {"omega_ratio": "no_losses", "calmar_ratio": "no_drawdown"}),
        ([0.001] * 30, {"sharpe_ratio": "zero_variance", "sortino_ratio": "no_losses", "omega_ratio": "no_losses"}),
        (
            [0.0] * 30,
            {"sharpe_ratio": "zero_variance", "calmar_ratio": "no_drawdown", "average_drawdown": "no_drawdown"},
        ),
        (
            [0.0] * 30,
            {"max_drawdown_start": "no_drawdown", "information_ratio": "no_benchmark", "win_rate": "no_trades"},
        ),
        ([0.0] * 30, {"turnover": "no_positions", "exposure": "no_positions"}),
        ([0.1, -0.1], {"max_drawdown_recovery": "not_recovered"}),
        ([1e200, 1e200, -0.5, *[0.0] * 60], {"total_return": "too_large", "cagr": "too_large"}),
    ],
)
def test_what_is_undefined_is_none_with_a_reason(returns, reasons):
    metrics = compute_metrics(np.array(returns), periods_per_year=YEAR)
    assert {name: metrics["reasons"][name] for name in reasons} == reasons
    assert all(metrics[name] is None for name in reasons)


def test_growth_of_a_year_is_given_from_a_quarter_of_it_on():
    quarter = compute_metrics(np.full(63, 0.001), periods_per_year=YEAR)
    assert quarter["cagr"] == pytest.approx(100.0 * (1.001**252 - 1.0))
    assert compute_metrics(np.full(62, 0.001), periods_per_year=YEAR)["cagr"] is None


def test_the_information_ratio_of_the_benchmark_itself_is_undefined_however_it_was_rounded():
    benchmark = draw(1)
    noise = np.random.default_rng(2).uniform(-4e-16, 4e-16, benchmark.size)
    metrics = compute_metrics(benchmark + noise, periods_per_year=YEAR, benchmark=benchmark)
    assert (metrics["information_ratio"], metrics["reasons"]["information_ratio"]) == (None, "zero_variance")


def test_an_unknown_period_leaves_annualised_metrics_undefined():
    metrics = compute_metrics(draw(3), periods_per_year=None)
    assert metrics["reasons"]["sharpe_ratio"] == "unknown_period"
    assert metrics["total_return"] is not None


def test_profit_without_a_loss_is_undefined_and_loss_without_a_profit_is_zero():
    assert formulas.profit_factor(np.array([-1.0])) == 0.0
    for trades in ([1.0], [1.0, -1e-15]):
        with pytest.raises(UndefinedError, match="no_losses"):
            formulas.profit_factor(np.array(trades))


@pytest.mark.parametrize("bars", [0, 1, 2, 25])
@pytest.mark.parametrize("value", [0.0, 0.01, -0.01, -1.0])
def test_every_metric_is_finite_or_none_with_its_reason_and_goes_through_json(bars, value):
    metrics = compute_metrics(np.full(bars, value), periods_per_year=YEAR)
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    assert set(metrics) == {*UNITS, "reasons"}
    assert {name for name in UNITS if metrics[name] is None} == set(metrics["reasons"])


def test_drawdown_times_are_those_of_the_index():
    index = pd.date_range("2024-01-01", periods=5, tz="UTC")
    metrics = compute_metrics(pd.Series(RETURNS, index=index), periods_per_year=YEAR)
    assert metrics["max_drawdown_start"] == "2024-01-01T00:00:00+00:00"
    assert metrics["max_drawdown_trough"] == "2024-01-02T00:00:00+00:00"
    assert metrics["max_drawdown_recovery"] == "2024-01-03T00:00:00+00:00"
    assert compute_metrics(RETURNS, periods_per_year=YEAR)["max_drawdown_trough"] == 1


@pytest.mark.parametrize(
    ("keywords", "named"),
    [
        ({"returns": [0.0, math.nan]}, "nan at row 1"),
        ({"returns": [0.0, -1.5]}, "-1.5 at row 1"),
        ({"returns": [[0.0]]}, r"shape \(1, 1\)"),
        ({"benchmark": [0.0]}, "1 rows, the returns 2"),
        ({"positions": [0.0]}, "1 rows, the returns 2"),
        ({"periods_per_year": 0.0}, "0.0 periods"),
        ({"periods_per_year": math.nan}, "nan periods"),
    ],
)
def test_bad_input_is_refused_by_name(keywords, named):
    arguments = {"returns": [0.0, 0.1], "periods_per_year": YEAR, **keywords}
    returns = arguments.pop("returns")
    with pytest.raises(NightdeskError, match=named) as error:
        compute_metrics(returns, **arguments)
    assert error.value.code == "metrics.invalid"
