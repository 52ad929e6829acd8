"""What recipes decided in the folds of their records reaches a model type that follows signals, and nothing later."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from config.paths import Home
from config.settings import Settings
from daemon.domain.recipes import recipe_of
from daemon.domain.targets import Target
from daemon.executors.worker.main import WorkContext
from daemon.jobs.inputs import inputs_for
from daemon.jobs.records.step import in_order
from data_pipeline.bars.store import BarStore
from data_pipeline.inputs import Inputs
from data_pipeline.sources.sample import SampleSource
from evaluation.audit.leak_audit import Span
from evaluation.records.folds import FoldModels, FoldStore
from evaluation.walk_forward import Fold
from tests.support.models.walk_forward_rule import Threshold
from trainers.needs import Needs

NOW = datetime(2023, 1, 3, tzinfo=UTC)
SETTINGS = Settings.model_validate(
    {"symbols": ["AAPL", "MSFT"], "model_types": ["behavioral_cloner", "portfolio"], "sources": {"bars": "sample"}}
)
NEEDS = Needs(scope="universe", optional=frozenset({"signals"}))


@pytest.fixture
def context(home: Home) -> WorkContext:
    for symbol in SETTINGS.symbols:
        bars = SampleSource().fetch(symbol, "1d", datetime(2022, 1, 3, tzinfo=UTC), NOW)
        BarStore(home).save(bars, NOW)
    return WorkContext(home, SETTINGS, lambda _fraction, _message: None, lambda: False, lambda: NOW)


def store(context: WorkContext, symbol: str) -> FoldStore:
    recipe = recipe_of(context.settings, Target(symbol, "behavioral_cloner"))
    return FoldStore(context.home.record(symbol, "behavioral_cloner", recipe.fingerprint), lambda _: "key")


def decide_folds(context: WorkContext, symbol: str, *cuts: int) -> Inputs:
    """Two folds that follow one another, the second trained longer."""
    bars = BarStore(context.home).load(symbol, "1d", "sample")
    inputs = Inputs.of(bars)
    times = [time.to_pydatetime() for time in inputs.times]
    for number, (first, last) in enumerate(pairwise(cuts)):
        fold = Fold(number, Span(times[0], times[first - 1]), Span(times[first], times[last - 1]))
        models = FoldModels(fit=lambda _fold: Threshold(0.0), load=lambda _folder: Threshold(0.0))
        store(context, symbol).compute(inputs, fold, models, more_to_come=False)
    return inputs


def test_signals_of_the_folds_are_there_by_symbol_in_time_order(context: WorkContext) -> None:
    own = decide_folds(context, "AAPL", 100, 150, 200)
    inputs = inputs_for(context, "universe", NEEDS, NEEDS.kinds)
    rows = inputs.signals["AAPL"]
    assert list(rows.columns) == ["model_type", "position", "confidence"]
    assert set(rows["model_type"]) == {"behavioral_cloner"}
    assert rows.index.equals(own.times[100:200])
    expected = Threshold(0.0).decide(own)["AAPL"].position.iloc[100:200]
    pd.testing.assert_series_equal(rows["position"], expected, check_names=False, check_freq=False)
    assert "MSFT" not in inputs.signals


def test_nothing_later_than_the_cut_is_there_and_other_types_see_none(context: WorkContext) -> None:
    own = decide_folds(context, "AAPL", 100, 150, 200)
    cut = own.times[170].to_pydatetime()
    rows = inputs_for(context, "universe", NEEDS, NEEDS.kinds, until=cut).signals["AAPL"]
    assert rows.index[-1] == own.times[170]
    assert inputs_for(context, "AAPL", Needs(), frozenset({"bars"})).signals == {}


def test_a_damaged_fold_is_left_out(context: WorkContext) -> None:
    own = decide_folds(context, "AAPL", 100, 150, 200)
    folds = sorted(store(context, "AAPL").folder.glob("*/fold.json"))
    assert isinstance(folds[0], Path)
    folds[0].write_bytes(folds[0].read_bytes()[:-9])
    rows = inputs_for(context, "universe", NEEDS, NEEDS.kinds).signals["AAPL"]
    assert rows.index.equals(own.times[150:200])


def test_of_two_folds_of_one_bar_the_one_trained_longest_counts(context: WorkContext) -> None:
    own = decide_folds(context, "AAPL", 100, 150)
    times = [time.to_pydatetime() for time in own.times]
    models = FoldModels(fit=lambda _fold: Threshold(9.0), load=lambda _folder: Threshold(9.0))
    longer = Fold(1, Span(times[0], times[119]), Span(times[120], times[149]))
    store(context, "AAPL").compute(own, longer, models, more_to_come=False)
    rows = inputs_for(context, "universe", NEEDS, NEEDS.kinds).signals["AAPL"]
    assert (rows["position"].iloc[20:] == Threshold(9.0).decide(own)["AAPL"].position.iloc[120:150]).all()
    assert (rows["position"].iloc[:20] == Threshold(0.0).decide(own)["AAPL"].position.iloc[100:120]).all()


def test_recipes_that_follow_signals_come_after_those_they_follow() -> None:
    recipes = [
        recipe_of(SETTINGS, Target(subject, kind))
        for subject, kind in (("universe", "portfolio"), ("AAPL", "behavioral_cloner"))
    ]
    first, then = in_order(recipes)
    assert [recipe.subject for recipe in first] == ["AAPL"]
    assert [recipe.subject for recipe in then] == ["universe"]
