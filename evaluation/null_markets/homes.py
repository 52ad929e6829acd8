"""Homes: a made-up home with its markets and recipes, and the standings it would have shown over its last nights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from config.settings import CostParams, Promotion
from data_pipeline.bars.bars import Bars
from data_pipeline.inputs import Inputs
from evaluation.accounting.backtest import Costs
from evaluation.null_markets.nights import PrefixTests, standings_by_night
from evaluation.null_markets.recipes import Recipe
from evaluation.records.folds import FoldPlan
from evaluation.records.record import stitched_record
from evaluation.records.standing import Standing
from evaluation.signal_model import SignalModel
from evaluation.signals import Signals
from evaluation.walk_forward import Fold

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
    """On how many nights a pair was proven, and refuted, and whether it was proven on the first."""

    proven: int
    refuted: int
    proven_first: bool


def walked(bars: Bars, recipe: Recipe, plan: FoldPlan) -> list[Signals]:
    """What the models of all folds decide in their tests.

    As a `FoldStore` computes it, but without its refusal of models that look ahead: that repeats each decision six
    times, and the recipes of null markets have tests of their own for it.
    """
    inputs = Inputs.of(bars)
    return [_in_test(recipe.fit(inputs, fold.train), inputs, fold) for fold in plan.folds(inputs)]


def _in_test(model: SignalModel, inputs: Inputs, fold: Fold) -> Signals:
    decided = model.decide(inputs.until(fold.test.last).for_decisions())
    return decided[inputs.subject].since(fold.test.first)


def nights_of_home(
    markets: Sequence[Bars], recipes: Sequence[Recipe], rules: NightRules, *, tried: int | None = None
) -> dict[str, dict[Pair, PairNights]]:
    """How often each pair of the home has a standing, for each of the costs; `tried` is their number if None."""
    folds = {(bars.symbol, recipe.name): walked(bars, recipe, rules.folds) for bars in markets for recipe in recipes}
    by_symbol = {bars.symbol: bars for bars in markets}
    return {name: _nights(by_symbol, folds, costs, rules, tried or len(folds)) for name, costs in rules.costs.items()}


def _nights(
    markets: Mapping[str, Bars],
    folds: Mapping[Pair, list[Signals]],
    params: CostParams,
    rules: NightRules,
    tried: int,
) -> dict[Pair, PairNights]:
    tested: dict[Pair, PrefixTests] = {}
    for pair, signals in folds.items():
        record = stitched_record(markets[pair[0]], signals, None, Costs.of(params), params.initial_cash)
        if record is not None:
            tested[pair] = PrefixTests.of(record, rules.nights)
    nights = standings_by_night(tested, rules.promotion, nights=rules.nights, tried=tried)
    return {
        pair: PairNights(
            _count(nights, pair, "proven"), _count(nights, pair, "refuted"), nights[0].get(pair) == "proven"
        )
        for pair in folds
    }


def _count(nights: Sequence[Mapping[Pair, Standing]], pair: Pair, standing: Standing) -> int:
    return sum(night.get(pair) == standing for night in nights)
