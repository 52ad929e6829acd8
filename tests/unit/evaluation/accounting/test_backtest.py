from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import evaluation.accounting.backtest
from config.errors import NightdeskError
from data_pipeline.bars.bars import Bars
from data_pipeline.bars.calendar import closes
from evaluation import Costs, Signals, backtest, compute_metrics
from evaluation.statistics.baselines import run_baselines
from tests.support.markets.prices import frame, series, walk


def daily_bars(count: int = 300) -> Bars:
    index = closes("AAPL", "1d", pd.Timestamp("2022-01-03", tz="UTC"), pd.Timestamp("2023-12-30", tz="UTC"))[:count]
    return Bars(walk(count).set_axis(index), "AAPL")


def swinging(bars: pd.DataFrame) -> pd.Series:
    return series(np.where(np.arange(len(bars)) // 10 % 2, 0.9, -0.4), bars)


def test_the_package_gives_functions_whatever_was_imported_before():
    assert evaluation.backtest is evaluation.accounting.backtest.backtest is backtest


def test_bars_and_their_frame_give_the_same_account():
    bars = daily_bars()
    target = swinging(bars.frame)
    signals = Signals(target, target.abs())
    one, other = backtest(bars, signals), backtest(bars.frame, target)
    pd.testing.assert_series_equal(one.equity, other.equity)
    pd.testing.assert_frame_equal(one.trades, other.trades)


def test_series_are_on_the_index_of_the_bars_and_fit_together():
    bars = walk(200)
    result = backtest(bars, swinging(bars), initial_cash=5000.0)
    for part in (result.equity, result.returns, result.positions, result.shares, result.cash, result.traded):
        assert part.index.equals(bars.index)
    np.testing.assert_allclose(5000.0 * (1.0 + result.returns).cumprod(), result.equity)
    np.testing.assert_allclose(result.positions, result.shares * bars["close"] / result.equity)
    assert result.returns.iloc[0] == 0.0


def test_trades_have_times_sides_and_average_prices():
    bars = frame([10, 10, 12, 9, 9], [10, 12, 12, 9, 9])
    trades = backtest(bars, series([0.5, -0.5, -0.5, 0.0, 0.0], bars), Costs(0.0, 0.0), 1000.0).trades
    assert list(trades["side"]) == ["long", "short"]
    assert list(trades["entry"]) == [bars.index[1], bars.index[2]]
    assert list(trades["exit"]) == [bars.index[2], bars.index[4]]
    assert list(trades["bars_held"]) == [1, 2]
    np.testing.assert_allclose(trades["entry_price"], [10.0, 12.0])
    np.testing.assert_allclose(trades["exit_price"], [12.0, 9.0])
    np.testing.assert_allclose(trades["return"], [0.2, 0.25])


def test_metrics_are_those_of_its_own_parts():
    bars = walk(300)
    result = backtest(bars, swinging(bars))
    from_backtest = compute_metrics(
        result.returns,
        periods_per_year=result.periods_per_year,
        trades=result.trades,
        open_trade=result.open_trade,
        positions=result.positions,
        traded=result.traded,
        benchmark=result.benchmark,
    )
    assert result.metrics() == from_backtest
    assert from_backtest["trades"] == len(result.trades) > 0
    assert from_backtest["reasons"].keys() <= {"max_drawdown_recovery"}


def test_the_benchmark_is_buying_and_holding_with_the_same_costs():
    bars = walk(100)
    buy_and_hold = backtest(bars, series(np.ones(100), bars), Costs(0.002, 0.001))
    other = backtest(bars, swinging(bars), Costs(0.002, 0.001))
    pd.testing.assert_series_equal(other.benchmark, buy_and_hold.returns, check_names=False)
    assert buy_and_hold.metrics()["reasons"]["information_ratio"] == "zero_variance"


def test_many_targets_over_one_market_or_many_markets():
    one, other = walk(50, seed=1), walk(80, seed=2)
    together = backtest(one, {"swing": swinging(one), "flat": series(np.zeros(50), one)})
    assert list(together) == ["swing", "flat"]
    pd.testing.assert_series_equal(together["swing"].equity, backtest(one, swinging(one)).equity)
    assert (together["flat"].equity == 100_000.0).all()
    several = backtest({"A": one, "B": other}, {"B": swinging(other), "A": swinging(one)})
    pd.testing.assert_series_equal(several["B"].equity, backtest(other, swinging(other)).equity)


def test_a_year_is_the_calendars_for_bars_and_counted_for_a_bare_frame():
    bars = daily_bars()
    assert backtest(bars, swinging(bars.frame)).periods_per_year == pytest.approx(252, abs=1)
    bare = backtest(bars.frame, swinging(bars.frame)).periods_per_year
    assert bare == pytest.approx(252, abs=3)
    assert backtest(bars, swinging(bars.frame), periods_per_year=12.0).periods_per_year == 12.0


@pytest.mark.parametrize(
    ("symbol", "interval", "start", "end", "expected"),
    [
        ("AAPL", "15m", "2023-03-01", "2023-04-12", 6552),
        ("AAPL", "15m", "2023-11-20", "2023-11-25", 6552),  # a holiday and a half day in a week
        ("AAPL", "1d", "2023-01-02", "2023-01-07", 252),
        ("AAPL", "1d", "2023-01-02", "2023-03-05", 252),
        ("7203.T", "1h", "2023-01-02", "2023-03-10", 1512),  # its sessions lie in one day of UTC
        ("BHP.AX", "1h", "2023-02-02", "2023-03-10", 1512),  # its sessions begin before midnight UTC
        ("BTC-USD", "1h", "2023-01-02", "2023-03-05", 8766),
        ("BTC-USD", "1d", "2023-01-02", "2023-01-10", 365.25),
    ],
)
def test_a_bare_frame_counts_the_sessions_of_a_week_and_the_bars_of_a_session(symbol, interval, start, end, expected):
    index = closes(symbol, interval, pd.Timestamp(start, tz="UTC"), pd.Timestamp(end, tz="UTC"))
    bars = walk(len(index)).set_axis(index)
    assert backtest(bars, swinging(bars)).periods_per_year == pytest.approx(expected)


@pytest.mark.parametrize(("frequency", "expected"), [("W-FRI", 52.2), ("MS", 12.0), ("QS", 4.0)])
def test_a_bare_frame_of_weeks_or_months_is_counted_by_its_span(frequency, expected):
    bars = walk(10)
    bars = bars.set_axis(pd.date_range("2023-01-02", periods=10, freq=frequency))
    assert backtest(bars, swinging(bars)).periods_per_year == pytest.approx(expected, abs=0.1)


def test_a_frame_with_a_date_column_and_numbered_rows_works_too():
    bars = walk(400).reset_index(names="date")
    bars["date"] = bars["date"].dt.tz_localize(None)
    result = backtest(bars, swinging(bars))
    assert result.periods_per_year == pytest.approx(365.25)
    assert result.metrics()["sharpe_ratio"] is not None


def test_rows_without_times_leave_the_year_undefined():
    bars = walk(50).reset_index(drop=True)
    measured = backtest(bars, swinging(bars)).metrics()
    assert measured["sharpe_ratio"] is None
    assert measured["reasons"]["sharpe_ratio"] == "unknown_period"
    assert measured["total_return"] is not None


def test_borrow_is_a_yearly_rate_of_what_is_short():
    bars = frame([100.0] * 5)
    result = backtest(bars, series([-0.5] * 5, bars), Costs(0.0, 0.0, borrow=0.1), 1000.0, periods_per_year=10.0)
    np.testing.assert_allclose(result.equity, [1000, 995, 990, 985, 980])


@pytest.mark.parametrize("prices", [[100.0], [100.0] * 40])
def test_one_bar_and_constant_prices_have_an_account_and_reasons(prices):
    bars = frame(prices)
    result = backtest(bars, series([1.0] * len(prices), bars), Costs(0.0, 0.0))
    assert (result.equity == 100_000.0).all()
    measured = result.metrics()
    assert measured["sharpe_ratio"] is None
    assert measured["reasons"]["sharpe_ratio"] in ("too_short", "unknown_period", "zero_variance")
    assert measured["reasons"]["win_rate"] == "no_trades"


def spoiled(column: str, value: float) -> pd.DataFrame:
    bars = walk(10)
    bars.loc[bars.index[3], column] = value
    return bars


@pytest.mark.parametrize(
    ("bars", "named"),
    [
        (spoiled("open", math.nan), "open is nan at 2024-01-04"),
        (spoiled("close", 0.0), r"close is 0\.0 at 2024-01-04"),
        (spoiled("low", -1.0), r"low is -1\.0"),
        (spoiled("high", math.inf), "high is inf"),
        (walk(10).drop(columns="high"), "lack the column high"),
        (walk(10).assign(dividends=-0.1), r"dividends is -0\.1 at 2024-01-01"),
        (walk(10).assign(dividends=math.nan), "dividends is nan"),
        (walk(10).assign(close="dear"), "hold text where numbers belong"),
        (walk(10).iloc[:0], "no bars"),
        (walk(10).iloc[::-1], "not strictly increasing"),
    ],
)
def test_bad_bars_are_refused_with_the_place_and_a_cure(bars, named):
    with pytest.raises(NightdeskError, match=named) as error:
        backtest(bars, series(np.zeros(len(bars)), bars))
    assert error.value.code == "backtest.invalid"
    assert error.value.cure


def test_targets_that_do_not_fit_are_refused():
    bars = walk(10)
    with pytest.raises(NightdeskError, match="target has 9 rows and the bars have 10"):
        backtest(bars, series(np.zeros(9), bars.iloc[:9]))
    with pytest.raises(NightdeskError, match="target model is nan"):
        backtest(bars, {"model": series([math.nan] * 10, bars)})
    with pytest.raises(NightdeskError, match=r"target is 1\.2"):
        backtest(bars, series([1.2] * 10, bars))
    with pytest.raises(NightdeskError, match="different symbols: B"):
        backtest({"A": bars}, {"A": series(np.zeros(10), bars), "B": series(np.zeros(10), bars)})
    with pytest.raises(NightdeskError, match="only one target"):
        backtest({"A": bars}, series(np.zeros(10), bars))


def test_what_never_trades_has_an_account_and_reasons():
    bars = walk(60)
    measured = backtest(bars, series(np.zeros(60), bars)).metrics()
    assert measured["trades"] == 0
    assert measured["total_return"] == measured["max_drawdown"] == 0.0
    for name in ("sharpe_ratio", "win_rate", "profit_factor", "best_trade", "sortino_ratio", "calmar_ratio"):
        assert measured[name] is None
        assert measured["reasons"][name]


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.001])
def test_a_target_that_is_no_weight_is_refused_with_its_row(value):
    bars = walk(10)
    target = series([0.0] * 10, bars)
    target.iloc[4] = value
    with pytest.raises(NightdeskError, match=f"target is {value} at 2024-01-05") as error:
        backtest(bars, target)
    assert error.value.cure


def test_an_account_beyond_every_number_is_refused_rather_than_infinite():
    bars = frame([1e-300, 1e-300, 1e300, 1e300])
    with pytest.raises(NightdeskError, match="beyond every number at 2024-01-03"):
        backtest(bars, series([0.9] * 4, bars))


@pytest.mark.parametrize("cash", [0.0, -1.0, math.nan, math.inf])
def test_an_account_begins_with_money(cash):
    bars = walk(10)
    with pytest.raises(NightdeskError, match="initial cash"):
        backtest(bars, series(np.zeros(10), bars), initial_cash=cash)


def test_dividends_are_in_every_account_that_is_compared_and_splits_in_none():
    bars = frame([10.0] * 4).assign(dividends=[0.0, 0.0, 0.5, 0.0], splits=[0.0, 0.0, 2.0, 0.0])
    free = Costs(0.0, 0.0)
    result = backtest(bars, series([-0.5] * 4, bars), free, 1000.0)
    np.testing.assert_allclose(result.equity, [1000, 1000, 975, 975])
    np.testing.assert_allclose(result.benchmark, [0.0, 0.0, 0.05, 0.0], atol=1e-15)
    buy_and_hold = run_baselines(bars, series([-0.5] * 4, bars), free, 1000.0, draws=1).backtests["buy_and_hold"]
    np.testing.assert_allclose(buy_and_hold.equity, [1000, 1000, 1050, 1050])
    assert buy_and_hold.metrics()["total_return"] == pytest.approx(5.0)
    np.testing.assert_array_equal(buy_and_hold.shares, [0, 100, 100, 100])


def test_bars_with_dividends_and_their_frame_give_the_same_account():
    bars = daily_bars()
    paying = Bars(bars.frame.assign(dividends=np.where(np.arange(len(bars)) % 60 == 30, 0.7, 0.0)), "AAPL")
    target = series(np.full(len(bars), 0.9), bars.frame)
    one, other = backtest(paying, target), backtest(paying.frame, target)
    pd.testing.assert_series_equal(one.equity, other.equity)
    shares = one.shares.iloc[-1]
    assert one.equity.iloc[-1] - backtest(bars, target).equity.iloc[-1] == pytest.approx(shares * 0.7 * 5)


def test_cash_interest_is_a_yearly_rate_of_what_lies_idle():
    bars = frame([100.0] * 5)
    rich = Costs(0.0, 0.0, cash_interest=0.1)
    flat = backtest(bars, series([0.0] * 5, bars), rich, 1000.0, periods_per_year=10.0)
    np.testing.assert_allclose(flat.equity, 1000.0 * 1.01 ** np.arange(1, 6))
    assert flat.returns.iloc[0] == pytest.approx(0.01)


def test_what_cash_earns_is_no_merit_of_a_trader():
    bars = daily_bars().frame
    target, rich = series(np.where(np.arange(len(bars)) // 5 % 2, 0.05, 0.0), bars), Costs(cash_interest=0.05)
    poor, metrics = backtest(bars, target).metrics(), backtest(bars, target, rich).metrics()
    assert metrics["total_return"] > poor["total_return"] + 1.0
    for ratio in ("sharpe_ratio", "sortino_ratio"):
        assert metrics[ratio] == pytest.approx(poor[ratio], abs=0.3)
    flat = backtest(bars, 0.0 * target, rich)
    assert flat.metrics()["reasons"]["sharpe_ratio"] == "zero_variance"
    assert flat.metrics()["total_return"] == pytest.approx(flat.idle_return)


@pytest.mark.parametrize("interest", [0.01, 0.02, 0.05])
def test_cash_that_earns_interest_has_no_ratio_of_any_kind(interest):
    bars = daily_bars(500)
    metrics = backtest(bars, series(np.zeros(500), bars.frame), Costs(cash_interest=interest)).metrics()
    reasons = {name: metrics["reasons"].get(name) for name in metrics if name.endswith("_ratio")}
    assert reasons == {
        "sharpe_ratio": "zero_variance",
        "sortino_ratio": "no_losses",
        "calmar_ratio": "no_drawdown",
        "omega_ratio": "no_losses",
        "information_ratio": reasons["information_ratio"],
    }
    assert metrics["cagr"] == pytest.approx(100.0 * ((1.0 + interest / 251.5) ** 251.5 - 1.0), rel=1e-3)


def test_a_loss_that_is_never_realised_is_reported():
    bars = frame([100.0, 100.0, 110.0, 110.0, 90.0])
    measured = backtest(bars, series([0.5, 0.0, 1.0, 1.0, 1.0], bars), Costs(0.01, 0.0))
    metrics = measured.metrics()
    assert (metrics["trades"], metrics["win_rate"]) == (1, 100.0)
    assert metrics["open_trade"] == pytest.approx(100.0 * (90.0 / 110.0 - 1.0 - 0.01))
    assert backtest(bars, series([0.5, 0.0, 0.0, 0.0, 0.0], bars)).metrics()["reasons"]["open_trade"] == "nothing_open"
