from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from config.errors import NightdeskError
from data_pipeline.bars.bars import Bars
from evaluation import Costs, backtest, compute_metrics
from evaluation.statistics.slices import HISTORY, by_regime, by_year, sliced
from tests.support.markets.prices import frame, series, walk

FREE = Costs(0.0, 0.0)


def dated(closes: np.ndarray, start: str) -> pd.DataFrame:
    bars = frame(closes)
    return bars.set_index(pd.bdate_range(start, periods=len(closes), tz="UTC") + pd.Timedelta("21h"))


def test_a_bar_belongs_to_the_regime_in_which_it_was_decided():
    bars = frame([100.0, 100.0, 110.0, 110.0, 99.0])
    regimes = pd.Series(["low", "low", "high", "high", "low"], index=bars.index)
    test = backtest(bars, series([1.0] * 5, bars), FREE)
    slices_found = {part.name: part for part in by_regime(test, regimes)}
    assert {name: part.bars for name, part in slices_found.items()} == {"unknown": 1, "low": 2, "high": 2}
    assert slices_found["low"].figures["total_return"] == pytest.approx(10.0)
    assert slices_found["high"].figures["total_return"] == pytest.approx(-10.0)
    assert slices_found["high"].buy_and_hold == pytest.approx(-10.0)


def test_a_regime_known_before_the_first_bar_is_that_of_its_decision():
    bars = walk(40)
    regimes = pd.Series("low", index=bars.index)
    late = bars.iloc[10:]
    assert [part.name for part in by_regime(backtest(late, series([1.0] * 30, late)), regimes)] == ["low"]


def test_regimes_together_are_the_whole():
    bars = walk(300, seed=1)
    regimes = pd.Series(np.random.default_rng(0).choice(["low", "high"], 300), index=bars.index)
    test = backtest(bars, series(np.resize([0.0, 1.0, 1.0], 300), bars))
    slices_found = by_regime(test, regimes)
    growth = np.prod([1.0 + part.figures["total_return"] / 100.0 for part in slices_found])
    assert growth == pytest.approx(1.0 + test.metrics()["total_return"] / 100.0)
    assert sum(part.bars for part in slices_found) == 300
    assert sum(part.figures["trades"] for part in slices_found) == len(test.trades)


def test_a_scattered_slice_has_no_drawdown_and_a_short_one_no_ratio():
    bars = walk(60)
    regimes = pd.Series(["low"] * 50 + ["high"] * 10, index=bars.index)
    slices_found = {part.name: part for part in by_regime(backtest(bars, series([1.0] * 60, bars)), regimes)}
    assert (slices_found["low"].figures["max_drawdown"], slices_found["low"].reasons["max_drawdown"]) == (
        None,
        "scattered",
    )
    assert (slices_found["high"].figures["sharpe_ratio"], slices_found["high"].reasons["sharpe_ratio"]) == (
        None,
        "too_short",
    )
    assert slices_found["low"].figures["sharpe_ratio"] is not None


def test_years_are_those_of_the_session_that_a_midnight_ends():
    bars = walk(40)
    midnights = bars.set_index(pd.date_range("2023-12-13", periods=40, tz="UTC"))
    slices_found = by_year(backtest(midnights, series([1.0] * 40, midnights)))
    assert [(part.name, part.bars) for part in slices_found] == [("2023", 20), ("2024", 20)]


def test_the_metrics_of_a_year_are_those_of_its_bars_alone():
    bars = dated(walk(500, seed=2)["close"].to_numpy(), "2021-01-01")
    test = backtest(bars, series(np.resize([0.0, 1.0, 1.0], 500), bars))
    second = next(part for part in by_year(test) if part.name == "2022")
    alone = compute_metrics(test.returns[test.returns.index.year == 2022], periods_per_year=test.periods_per_year)
    assert second.figures["sharpe_ratio"] == alone["sharpe_ratio"]
    assert second.figures["max_drawdown"] == alone["max_drawdown"]
    assert second.figures["trades"] == (test.trades["entry"].dt.year == 2022).sum()


def test_the_deepest_falls_of_the_market_are_found_with_what_the_model_did():
    closes = np.array([100.0, 90.0, 101.0, 60.0, 70.0, 102.0, 95.0, 103.0, 102.0, 104.0])
    bars = frame(closes)
    out = series([1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0], bars)
    slices_found = sliced(backtest(bars, out, FREE), bars).stress
    assert [(part.name, round(part.market, 2)) for part in slices_found] == [
        ("fall 1", -40.59),
        ("fall 2", -10.0),
        ("fall 3", -6.86),
    ]
    assert slices_found[0].first == bars.index[2].isoformat()
    assert slices_found[0].last == bars.index[3].isoformat()
    assert [round(part.model, 2) for part in slices_found] == [0.0, 0.0, 0.0]


def test_named_falls_are_those_that_lie_inside():
    bars = dated(np.linspace(100.0, 200.0, 700), "2019-01-01")
    test = backtest(bars, series([1.0] * 700, bars))
    (slices_found,) = sliced(test, bars).stress
    assert (slices_found.name, slices_found.kind) == ("pandemic crash", "history")
    assert (slices_found.first[:10], slices_found.last[:10]) == HISTORY["pandemic crash"]
    expected = bars["close"][slices_found.last] / bars["close"][slices_found.first] - 1.0
    assert slices_found.market == pytest.approx(100.0 * expected)
    assert slices_found.model == pytest.approx(
        100.0 * (test.equity[slices_found.last] / test.equity[slices_found.first] - 1.0)
    )


def test_a_fall_that_the_bars_only_touch_is_not_reported():
    for first in ("2020-02-20", "2018-01-01"):
        bars = dated(np.linspace(100.0, 200.0, 570), first).loc[:"2020-03-20"]
        assert not any(part.name == "pandemic crash" for part in sliced(backtest(bars, bars["close"] * 0), bars).stress)


def test_the_sample_market_has_no_history():
    bars = Bars(dated(np.linspace(100.0, 200.0, 700), "2019-01-01"), "AAPL", source="sample")
    assert sliced(backtest(bars, series([1.0] * 700, bars.frame)), bars).stress == ()


@pytest.mark.parametrize("bars", [walk(1), frame([100.0] * 30), walk(25).reset_index(drop=True)])
def test_odd_markets_end_in_reasons_and_json(bars):
    regimes = pd.Series(np.nan, index=bars.index)
    slices_found = sliced(backtest(bars, series([0.0] * len(bars), bars)), bars, regimes).to_dict()
    assert json.loads(json.dumps(slices_found, allow_nan=False)) == slices_found
    assert [part["name"] for part in slices_found["regimes"]] == ["unknown"]
    assert slices_found["regimes"][0]["reasons"]["win_rate"] == "no_trades"


def test_other_bars_are_refused():
    bars = walk(30)
    with pytest.raises(NightdeskError, match="30 bars"):
        sliced(backtest(bars, series([0.0] * 30, bars)), walk(31))
