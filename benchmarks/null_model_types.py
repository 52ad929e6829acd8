"""The proof of the gate with real model types: how often homes without an edge call one of their models proven.

The markets and the nights are those of `nightdesk audit`; the models are trained for each fold as a desk trains them:
the cloner on the sample expert, who has no edge here either, and an agent with fewer steps than by default. The homes
take the null worlds by turns.

    python -m benchmarks.null_model_types [HOMES [AGENT [STEPS]]]
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from config.settings import CostParams, Promotion, WalkForwardParams
from data_pipeline.experts.sample import sample_expert_log
from data_pipeline.inputs import Inputs
from data_pipeline.sources.sample import SampleSource
from evaluation.audit.leak_audit import Span
from evaluation.null_markets.audit import FREE, Share
from evaluation.null_markets.homes import NightRules, nights_of_home
from evaluation.null_markets.sizes import Sizes
from evaluation.null_markets.worlds import BARS_A_YEAR, NULL_WORLDS, null_market
from evaluation.records.folds import FoldPlan
from evaluation.signal_model import SignalModel
from trainers import TrainingContext, TrainingTask, registry

HOMES, AGENT, STEPS = 20, "a2c", 5_000
SYMBOLS, YEARS, FOLDS, NIGHTS = 2, 8, 5, 252
COSTS = {"with costs": CostParams(), "without costs": FREE}


@dataclass(frozen=True)
class TypeRecipe:
    """A model type of the desk with its params, as the null homes take a recipe."""

    name: str
    params: dict[str, Any]
    seed: int

    def fit(self, inputs: Inputs, train: Span) -> SignalModel:
        """Train as for a fold: on this span and nothing later."""
        bars = inputs.only.until(train.last)
        task = TrainingTask(
            inputs=Inputs.of(bars, sample_expert_log(bars)),
            train_start=train.first,
            train_end=train.last,
            provenance="null market",
            params=registry.validate_params(self.name, self.params),
        )
        return registry.get(self.name).train(task, TrainingContext(seed=self.seed, measure=False))


def proven_pairs(home: int, agent: str, steps: int, sizes: tuple[Sizes, ...]) -> dict[str, int]:
    """How many pairs of the home were proven on any night of its last year, for each of the costs."""
    random = np.random.default_rng([1, 3, home])
    world = NULL_WORLDS[home % len(NULL_WORLDS)]
    markets = [null_market(f"NULL{n}", world, sizes, YEARS * BARS_A_YEAR, random) for n in range(SYMBOLS)]
    recipes = [TypeRecipe("behavioral_cloner", {}, home), TypeRecipe(agent, {"total_timesteps": steps}, home)]
    rules = NightRules(FoldPlan(WalkForwardParams(test=BARS_A_YEAR), None, FOLDS), Promotion(), COSTS, NIGHTS)
    homes = nights_of_home(markets, recipes, rules)
    return {costs: sum(nights.proven > 0 for nights in pairs.values()) for costs, pairs in homes.items()}


def main(homes: int = HOMES, agent: str = AGENT, steps: int = STEPS) -> bool:
    """Simulate, print each home, and say whether those with anything proven are not surely more than promised."""
    bars = SampleSource().fetch("AAPL", "1d", datetime(2012, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC))
    sizes, met = (Sizes.of(bars),), True
    counts = dict.fromkeys(COSTS, 0)
    print(f"Homes of {SYMBOLS} symbols x behavioral_cloner and {agent} of {steps:,} steps, {FOLDS} yearly folds each")
    for home in range(homes):
        began = time.perf_counter()
        proven = proven_pairs(home, agent, steps, sizes)
        for costs, pairs in proven.items():
            counts[costs] += pairs > 0
        print(
            f"home {home + 1}, {NULL_WORLDS[home % 4].name}: {proven}, {time.perf_counter() - began:.0f} s", flush=True
        )
    for costs, count in counts.items():
        low, high = Share(count, homes).interval
        met &= low <= 1.0 - Promotion().confidence
        print(f"{costs}: {count} of {homes} homes with anything proven ({low:.1%} to {high:.1%})")
    return met


if __name__ == "__main__":
    arguments: list[Any] = [int(word) if word.isdigit() else word for word in sys.argv[1:]]
    raise SystemExit(0 if main(*arguments) else 1)
