"""Homes: a made-up home with its markets and recipes, and the standings it would have shown over its last nights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


from config.settings import CostParams, Promotion
from data_pipeline.bars.bars import Bars
from data_pipeline.inputs import Inputs
from evaluation.accounting.backtest import Costs
from evaluation.null_markets.nights import TestedRecord, standings_by_night
from evaluation.null_markets.recipes import Recipe
from evaluation.records.folds import FoldPlan
from evaluation.records.record import stitched_record
from evaluation.records.standing import Standing
from evaluation.signals import Signals
from evaluation.walk_forward import decided_in_test

# A symbol and the name of a recipe.
Pair = tuple[str, str]


@dataclass(frozen=True)
class NightRules:
    """What the nights of a home go by, as its settings name it."""

    folds: FoldPlan
    promotion: Promotion
    costs: Mapping[str, CostParams]
    nights: int


@dataclass(frozen=True)
class PairNights:
    """Of how many nights a pair was proven, and refuted."""

    proven: int
    refuted: int


def walked(bars: Bars, recipe: Recipe, plan: FoldPlan) -> list[Signals]:
    """What the models of all folds decide in their tests."""
    inputs = Inputs.of(bars)
    return [
        decided_in_test(
            recipe.fit(inputs.since(fold.train.first).until(fold.train.last)), inputs.until(fold.test.last), fold
        )[bars.symbol]
        for fold in plan.folds(inputs)
    ]


def nights_of_home(
    markets: Sequence[Bars], recipes: Sequence[Recipe], rules: NightRules
) -> dict[str, dict[Pair, PairNights]]:
    """How often each pair of the home has a standing, for each of the costs."""
    folds = {(bars.symbol, recipe.name): walked(bars, recipe, rules.folds) for bars in markets for recipe in recipes}
    by_symbol = {bars.symbol: bars for bars in markets}
    return {name: _nights(by_symbol, folds, costs, rules) for name, costs in rules.costs.items()}


def _nights(
    markets: Mapping[str, Bars], folds: Mapping[Pair, list[Signals]], params: CostParams, rules: NightRules
) -> dict[Pair, PairNights]:
    tested: dict[Pair, TestedRecord] = {}
    for pair, signals in folds.items():
        record = stitched_record(markets[pair[0]], signals, None, Costs.of(params), params.initial_cash)
        if record is not None:
            tested[pair] = TestedRecord.of(record, rules.nights)
    nights = standings_by_night(tested, rules.promotion, nights=rules.nights, tried=len(folds))
    return {pair: PairNights(_count(nights, pair, "proven"), _count(nights, pair, "refuted")) for pair in folds}


def _count(nights: Sequence[Mapping[Pair, Standing]], pair: Pair, standing: Standing) -> int:
    return sum(night.get(pair) == standing for night in nights)
