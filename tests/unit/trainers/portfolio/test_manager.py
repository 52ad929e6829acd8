from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from config.errors import NightdeskError
from data_pipeline.bars.bars import Bars
from evaluation import portfolio_backtest
from evaluation.signals import Signals
from trainers import PortfolioManager, PortfolioParams

N = 260


def bars_of(symbol, seed, *, volatility=0.01, n=N, start="2022-01-03", hour=21, freq="B"):
    random = np.random.default_rng(seed)
    index = pd.date_range(start, periods=n, freq=freq, tz="UTC") + pd.Timedelta(hours=hour)
    close = 100 * np.exp(np.cumsum(random.normal(0, volatility, n)))
    open_ = np.concatenate([[100.0], close[:-1]])
    frame = pd.DataFrame(
        {
            "open": open_,
            "high": np.maximum(open_, close) * 1.001,
            "low": np.minimum(open_, close) * 0.999,
            "close": close,
            "volume": 1e6,
        },
        index=index.as_unit("ns").rename("time"),
    )
    return Bars(symbol=symbol, interval="1d", source="test", frame=frame)


@pytest.fixture(scope="module")
def market():
    return {name: bars_of(name, seed, volatility=0.005 * seed) for seed, name in enumerate(("AAPL", "MSFT", "SPY"), 1)}


def constant(bars, position):
    series = pd.Series(float(position), bars.frame.index)
    return Signals(series, series.abs())


def small(**changes):
    return PortfolioParams(**({"method": "inverse_volatility", "lookback": 60, "rebalance": 10, "band": 0.0} | changes))


def test_without_signals_all_symbols_are_held_and_calm_ones_more(market):
    weights = pd.DataFrame(PortfolioManager(small()).weights(market))
    assert (weights.iloc[:60] == 0.0).all(axis=None)
    np.testing.assert_allclose(weights.iloc[60:].sum(axis=1), 1.0)
    assert (weights["AAPL"].iloc[60:] > weights["SPY"].iloc[60:]).all()


def test_a_signal_that_goes_flat_leaves_its_share_in_cash_at_once(market):
    signals = {name: constant(bars, 1.0) for name, bars in market.items()}
    position = signals["AAPL"].position.copy()
    position.iloc[105:] = 0.0
    signals["AAPL"] = Signals(position, position)
    weights = pd.DataFrame(PortfolioManager(small(rebalance=50)).weights(market, signals))
    assert weights["AAPL"].iloc[104] > 0.1
    assert weights["AAPL"].iloc[105] == 0.0
    assert weights["MSFT"].iloc[105] == weights["MSFT"].iloc[104]


def test_a_short_signal_is_followed_only_where_shorts_are_allowed(market):
    signals = {name: constant(bars, -1.0) for name, bars in market.items()}
    assert (pd.DataFrame(PortfolioManager(small()).weights(market, signals)) == 0.0).all(axis=None)
    short = pd.DataFrame(PortfolioManager(small(signs="long_short")).weights(market, signals))
    np.testing.assert_allclose(short.iloc[-1].sum(), -1.0)


def test_caps_turnover_and_the_volatility_target_hold_at_every_row(market):
    params = small(max_weight=0.4, max_gross=0.8, max_turnover=0.1, rebalance=5, volatility_target=0.05)
    weights = pd.DataFrame(PortfolioManager(params).weights(market))
    assert weights.abs().max(axis=None) <= 0.4 + 1e-12
    assert weights.abs().sum(axis=1).max() <= 0.8 + 1e-12
    assert weights.diff().abs().sum(axis=1).max() <= 0.1 + 1e-12
    held = portfolio_backtest(market, PortfolioManager(small(volatility_target=0.05)).weights(market))
    assert held.returns.iloc[61:].std() * np.sqrt(252) == pytest.approx(0.05, rel=0.2)


def test_no_row_depends_on_a_later_bar(market):
    manager = PortfolioManager(small(method="hrp", volatility_target=0.1, max_turnover=0.3, band=0.01))
    other = market | {"PAR": bars_of("PAR", 9, hour=16)}
    whole = manager.weights(other)
    assert whole["PAR"].iloc[-1] > 0.0
    for cut in other["AAPL"].frame.index[[100, 173, 258]]:
        before = manager.weights({name: bars.until(cut) for name, bars in other.items()})
        for name, series in before.items():
            pd.testing.assert_series_equal(series, whole[name].loc[:cut], check_exact=True, check_freq=False)


def test_prices_that_stand_still_are_not_held(market):
    frame = market["AAPL"].frame.assign(open=10.0, high=10.0, low=10.0, close=10.0)
    still = market | {"AAPL": Bars(symbol="AAPL", interval="1d", source="test", frame=frame)}
    for method in ("inverse_volatility", "minimum_variance", "hrp"):
        weights = pd.DataFrame(PortfolioManager(small(method=method)).weights(still))
        assert (weights["AAPL"] == 0.0).all()
        assert weights["MSFT"].iloc[-1] > 0.0


def test_one_symbol_disjoint_calendars_and_impossible_caps_are_refused_by_name(market):
    manager = PortfolioManager(small())
    with pytest.raises(NightdeskError, match="portfolio of 1 symbols") as one:
        manager.weights({"AAPL": market["AAPL"]})
    assert one.value.code == "portfolio.one_symbol"
    later = market | {"NEW": bars_of("NEW", 5, start="2030-01-01")}
    with pytest.raises(NightdeskError, match="1 rows of bars in common") as disjoint:
        manager.weights(later)
    assert "NEW 2030-01-01" in disjoint.value.message
    with pytest.raises(NightdeskError, match=r"A cap of 0\.1 for each of 3 symbols"):
        PortfolioManager(small(max_weight=0.1)).weights(market)
    with pytest.raises(NightdeskError, match="no signals of MSFT, SPY"):
        manager.weights(market, {"AAPL": constant(market["AAPL"], 1.0)})
    with pytest.raises(ValidationError, match="nothing would trade"):
        PortfolioParams(band=0.2, max_weight=0.1)
