from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from config.settings import CostParams, Promotion, WalkForwardParams
from data_pipeline.bars.bars import Bars
from data_pipeline.inputs import Inputs
from evaluation.accounting.backtest import Costs
from evaluation.null_markets.homes import NightRules, Pair, nights_of_home
from evaluation.null_markets.nights import PrefixTests, standings_by_night
from evaluation.null_markets.planted import planted_market
from evaluation.null_markets.recipes import CoinToss, Recipe, Ridge
from evaluation.null_markets.sizes import Sizes
from evaluation.null_markets.worlds import NULL_WORLDS, null_market
from evaluation.records.folds import FoldModels, FoldPlan, FoldStore
from evaluation.records.record import Record, assess, stitched_record
from evaluation.records.standing import RUN, Evidence, Standing, settle
from evaluation.signal_model import SignalModel
from tests.support.markets.easy import rough_bars

SIZES = Sizes.of(rough_bars(900))
PLAN = FoldPlan(WalkForwardParams(train=100, test=60), None)
RULES = Promotion()
NIGHTS = 14
FREE = CostParams(commission=0.0, slippage=0.0)
COINS = (CoinToss(12.0, 5, "one coin"), CoinToss(12.0, 5, "other coin"))


class Unsaved:
    """A model whose folder says nothing, since each night of this test has the recipe at hand."""

    def __init__(self, model: SignalModel) -> None:
        self.features, self.decide = model.features, model.decide

    def save(self, folder: Path) -> None:
        (folder / "empty").touch()


def home(rows: int) -> list[Bars]:
    """A market whose coins are skilled and one whose are not."""
    random = np.random.default_rng(4)
    return [
        planted_market("EDGE0", COINS, [SIZES], random, sharpe=5.0, rows=rows, costs=FREE),
        null_market("NULL0", NULL_WORLDS[1], [SIZES], rows, random),
    ]


def record_of_night(folder: Path, bars: Bars, recipe: Recipe) -> Record:
    """As the evaluation job computes it: folds from the store, those that are not over with the model of before."""
    inputs = Inputs.of(bars)
    folds = PLAN.folds(inputs)
    store = FoldStore(folder / bars.symbol / recipe.name, lambda _: "")
    store.forget_revised(inputs, folds)
    models = FoldModels(
        lambda fold: Unsaved(recipe.fit(inputs, fold.train)), lambda _: recipe.fit(inputs, folds[-1].train)
    )
    signals = []
    for fold in folds:
        more = len(inputs.since(fold.test.first).until(fold.test.last)) < 60
        store.compute(inputs, fold, models, more_to_come=more)
        decided = store.stored(fold)
        assert decided is not None
        signals.append(decided[bars.symbol])
    record = stitched_record(bars, signals, None, Costs.of(FREE), FREE.initial_cash)
    assert record is not None
    return record


def test_the_standings_are_those_of_whole_nights_one_after_the_other(tmp_path: Path) -> None:
    markets = home(110 + 252 + RUN + 6)  # long enough in the middle of the nights
    recipes = (COINS[0], Ridge())
    tried = len(markets) * len(recipes)
    nightly: list[dict[Pair, Standing]] = []
    for night in range(NIGHTS):
        rows = len(markets[0]) - NIGHTS + 1 + night
        evidence: dict[Pair, Evidence] = {}
        for bars in markets:
            for recipe in recipes:
                record = record_of_night(tmp_path, bars.head(rows), recipe)
                evidence[bars.symbol, recipe.name] = assess(record, RULES, tried=tried).evidence
        nightly.append(settle(evidence, nightly[-1] if nightly else {}, tried=tried, confidence=0.95))

    records = {
        (bars.symbol, recipe.name): PrefixTests.of(record_of_night(tmp_path, bars, recipe), NIGHTS)
        for bars in markets
        for recipe in recipes
    }
    assert standings_by_night(records, RULES, nights=NIGHTS, tried=tried) == nightly
    proven = [sum(standing == "proven" for standing in night.values()) for night in nightly]
    assert max(proven) >= 1  # else the comparison would say little
    assert min(proven) < max(proven)


def test_a_home_counts_the_nights_of_each_standing() -> None:
    markets = home(600)
    rules = NightRules(PLAN, Promotion(), {"free": FREE, "dear": CostParams(commission=0.05)}, nights=NIGHTS)
    nights = nights_of_home(markets, COINS, rules)
    assert all(nights["free"]["EDGE0", coin.name].proven == NIGHTS for coin in COINS)
    assert all(nights["free"]["EDGE0", coin.name].proven_first for coin in COINS)
    assert all(nights["free"]["NULL0", coin.name].proven == 0 for coin in COINS)
    assert any(nights["dear"]["NULL0", coin.name].refuted == NIGHTS for coin in COINS)


def test_a_home_that_has_tried_a_thousand_recipes_needs_more_to_prove_one() -> None:
    markets = home(600)[:1]
    rules = NightRules(PLAN, Promotion(confidence=0.95), {"free": FREE}, nights=1)
    few = nights_of_home(markets, COINS, rules)["free"]
    many = nights_of_home(markets, COINS, rules, tried=10**9)["free"]
    assert all(nights.proven for nights in few.values())
    assert not any(nights.proven for nights in many.values())


@pytest.mark.parametrize("rows", [130, 200, 380])
def test_a_short_record_is_unproven(rows: int) -> None:
    rules = NightRules(PLAN, Promotion(), {"free": FREE}, nights=NIGHTS)
    nights = nights_of_home(home(rows), COINS, rules)["free"]
    assert not any(each.proven or each.refuted for each in nights.values())


def test_nights_before_a_run_of_bars_is_long_enough_count_as_failures() -> None:
    bars = home(110 + 252 + RUN + 2)[0]
    of = partial(nights_of_home, [bars], COINS)
    assert any(n.proven for n in of(NightRules(PLAN, Promotion(), {"free": FREE}, nights=3))["free"].values())
    assert not any(
        n.proven_first for n in of(NightRules(PLAN, Promotion(), {"free": FREE}, nights=10))["free"].values()
    )
