from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import NightdeskError
from evaluation import Costs, StrategyBase
from evaluation.portfolio.no_trade_band import outside_band
from evaluation.portfolio.risk_manager import RiskManager


def market(seed=1, n=300, volatility=0.01, drift=0.0):
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(drift, volatility, n)))
    open_ = np.concatenate([[100.0], close[:-1]])
    index = pd.date_range("2022-01-03", periods=n, freq="B", tz="UTC")
    highs, lows = np.maximum(open_, close), np.minimum(open_, close)
    return pd.DataFrame({"open": open_, "high": highs, "low": lows, "close": close}, index=index)


def held(data, weight=1.0):
    return pd.Series(weight, data.index)


def test_without_limits_targets_stay_as_they_are_but_for_the_cap():
    data = market()
    assert RiskManager().limit(held(data, -1.0), data).eq(-1.0).all()
    assert RiskManager(max_position=0.3).limit(held(data), data).eq(0.3).all()


def test_the_volatility_target_is_the_trailing_deviation_by_hand():
    data = market()
    limited = RiskManager(volatility_target=0.08, window=20).limit(held(data), data)
    deviation = data["close"].pct_change().iloc[81:101].std() * np.sqrt(252)
    assert limited.iloc[100] == pytest.approx(min(1.0, 0.08 / deviation))
    assert limited.iloc[:20].eq(0.0).all()


def test_fixed_fraction_risks_the_same_of_the_account_at_every_stop():
    data = market()
    limited = RiskManager(sizing="fixed_fraction", risk_per_trade=0.005, stop=2.0, window=20).limit(held(data), data)
    sigma = data["close"].pct_change().rolling(20).std()
    lost = limited * 2.0 * sigma
    np.testing.assert_allclose(lost.iloc[20:][limited.iloc[20:] < 1.0], 0.005)


def test_kelly_takes_no_side_that_has_earned_nothing_and_half_of_the_best_growth_otherwise():
    falling, rising = market(drift=-0.01), market(drift=0.0004)
    kelly = RiskManager(sizing="kelly", window=60)
    assert kelly.limit(held(falling), falling).iloc[61:].eq(0.0).all()
    earned = rising["close"].pct_change().iloc[-60:]
    half = 0.5 * max(earned.mean(), 0.0) / earned.var()
    assert kelly.limit(held(rising), rising).iloc[-1] == pytest.approx(min(half, 1.0))


def test_the_brake_makes_the_account_flat_for_its_pause_and_lets_it_begin_anew():
    data = market(n=30, volatility=0.0)
    close = np.full(30, 100.0)
    close[10:] = 70.0
    data = data.assign(close=close, open=close, high=close, low=close)
    limited = RiskManager(max_drawdown=0.2, pause=5, costs=Costs(0.0, 0.0)).limit(held(data), data)
    np.testing.assert_array_equal(limited, [1.0] * 10 + [0.0] * 5 + [1.0] * 15)


def test_prices_that_stand_still_have_no_risk_and_take_the_cap():
    data = market(volatility=0.0)
    for manager in (RiskManager(volatility_target=0.1), RiskManager(sizing="fixed_fraction")):
        assert manager.limit(held(data), data).iloc[-1] == 1.0
    assert RiskManager(sizing="kelly").limit(held(data), data).eq(0.0).all()


managers = st.builds(
    RiskManager,
    max_position=st.sampled_from([0.2, 1.0]),
    volatility_target=st.sampled_from([None, 0.1]),
    max_drawdown=st.sampled_from([None, 0.05]),
    sizing=st.sampled_from(["as_decided", "fixed_fraction", "kelly"]),
    window=st.just(20),
    pause=st.integers(1, 9),
    band=st.sampled_from([0.0, 0.1]),
)


@given(managers, st.integers(0, 2**32 - 1), st.integers(1, 119))
@settings(max_examples=60, deadline=None)
def test_each_target_depends_on_rows_up_to_its_own_and_is_within_the_cap(manager, seed, cut):
    data = market(seed, 120)
    target = pd.Series(np.random.default_rng(seed).uniform(-1, 1, 120).round(1), data.index)
    whole = manager.limit(target, data)
    assert whole.abs().max() <= manager.max_position
    early = manager.limit(target.iloc[: cut + 1], data.iloc[: cut + 1])
    np.testing.assert_array_equal(early, whole.iloc[: cut + 1])


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=50), st.floats(0, 0.5))
def test_a_followed_target_is_within_the_band_of_what_was_decided(targets, band):
    followed = outside_band(np.array(targets), band)
    assert (np.abs(followed - targets) <= band).all()
    assert (np.sign(followed) == np.sign(targets)).all()


def test_a_strategy_takes_it():
    class Holds(StrategyBase):
        def generate_signals(self, data):
            return data.assign(signal=1)

    data = market()
    assert Holds(None, RiskManager(max_position=0.4), None).targets(data).eq(0.4).all()


def test_limits_that_make_no_sense_are_refused_with_their_value():
    wrong = [{"max_position": 0.0}, {"volatility_target": -1.0}, {"max_drawdown": 1.5}, {"window": 1}, {"band": 1.0}]
    for arguments in [*wrong, {"sizing": "martingale"}, {"pause": 0}, {"stop": float("nan")}]:
        with pytest.raises(NightdeskError, match=str(next(iter(arguments.values())))):
            RiskManager(**arguments)
