from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_series_equal
from sklearn.linear_model import Ridge as PeerRidge

from config.settings import WalkForwardParams
from data_pipeline.inputs import Inputs
from evaluation.audit.leak_audit import Span
from evaluation.null_markets.homes import walked
from evaluation.null_markets.recipes import CoinToss, Momentum, Recipe, Ridge, VolatilityFollower, couples
from evaluation.null_markets.sizes import Sizes
from evaluation.null_markets.worlds import NULL_WORLDS, closes, null_market
from evaluation.records.folds import FoldPlan
from evaluation.walk_forward import decided_in_test
from tests.support.markets.easy import rough_bars

SIZES = Sizes.of(rough_bars(900))
BARS = null_market("NULL0", NULL_WORLDS[1], [SIZES], 900, np.random.default_rng(0))
PLAN = FoldPlan(WalkForwardParams(train=300, test=100), None)
RECIPES = list(dict.fromkeys(recipe for couple in couples(3) for recipe in couple))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_folds_are_those_of_the_night_whose_check_for_look_ahead_every_recipe_passes(recipe: Recipe) -> None:
    inputs = Inputs.of(BARS)
    folds = PLAN.folds(inputs)
    expected = [
        decided_in_test(recipe.fit(inputs, fold.train), inputs.until(fold.test.last), fold)["NULL0"] for fold in folds
    ]
    assert len(folds) == 6
    for one, other in zip(walked(BARS, recipe, PLAN), expected, strict=True):
        assert_series_equal(one.position, other.position, check_exact=True)
        assert_series_equal(one.confidence, other.confidence, check_exact=True)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_recipe_is_long_some_of_the_time_and_flat_for_the_rest(recipe: Recipe) -> None:
    position = pd.concat([part.position for part in walked(BARS, recipe, PLAN)])
    assert set(position) == {0.0, 1.0}


def test_a_recipe_learns_from_its_training_span_alone() -> None:
    inputs = Inputs.of(BARS)
    times = BARS.frame.index
    train = Span(times[0].to_pydatetime(), times[499].to_pydatetime())
    one, other = Ridge().fit(inputs, train), Ridge().fit(Inputs.of(BARS.head(500)), train)
    assert np.array_equal(one.weights, other.weights)


def test_the_ridge_regression_is_that_of_scikit_learn() -> None:
    model = Ridge(penalty=7.0).fit(Inputs.of(BARS), Span(*(BARS.frame.index[n].to_pydatetime() for n in (0, -1))))
    features = model.bar_features(BARS).iloc[63:-1]
    X = (features - features.mean()) / features.std(ddof=0)
    following = BARS.frame["close"].pct_change().to_numpy()[64:]
    peer = PeerRidge(alpha=7.0).fit(X.to_numpy(), following)
    ours = features.to_numpy() @ model.weights + model.intercept
    assert ours == pytest.approx(peer.predict(X.to_numpy()), rel=1e-6, abs=1e-12)


def test_coin_tosses_trade_as_often_as_they_say_and_differ_by_symbol_seed_and_name() -> None:
    times = closes(20 * 252)
    for trips in (5.0, 12.0):
        tosses = CoinToss(trips, 1).tosses("NULL0", times)
        turns = np.count_nonzero(np.diff(tosses))
        assert turns == pytest.approx(2 * 20 * trips, rel=0.3)
        assert 0.3 < tosses.mean() < 0.7
    one = CoinToss(12.0, 1).tosses("NULL0", times)
    for other in (
        CoinToss(12.0, 1).tosses("NULL1", times),
        CoinToss(12.0, 2).tosses("NULL0", times),
        CoinToss(12.0, 1, "other coin").tosses("NULL0", times),
    ):
        assert not np.array_equal(one, other)


def test_followers_hold_what_they_follow() -> None:
    bars = rough_bars(300)
    close = bars.frame["close"]
    momentum = Momentum(63).signals(bars).position
    assert np.array_equal(momentum.to_numpy() == 1.0, (close > close.shift(63)).to_numpy())
    low, high = (VolatilityFollower(seeks).signals(bars).position for seeks in ("low", "high"))
    volatility = close.pct_change().rolling(21).std()
    assert volatility[high == 1.0].mean() > volatility[low == 1.0].mean()
    assert not ((low == 1.0) & (high == 1.0)).any()
