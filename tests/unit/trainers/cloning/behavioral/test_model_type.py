from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from config.errors import UsageError
from data_pipeline.experts.expert_log import ExpertLog
from data_pipeline.features.registry import DEFAULT_FEATURES, feature_matrix, warm_up
from tests.support.markets.easy import easy_bars, easy_expert, easy_task, with_expert
from trainers import TrainingContext, TrainingTask, registry
from trainers.cloning.behavioral.model_type import BehavioralClonerModel, BehavioralClonerType

NAME = "behavioral_cloner"


def trained(task: TrainingTask) -> BehavioralClonerModel:
    return BehavioralClonerType().train(task, TrainingContext(seed=1))


@cache
def cloned(**params: Any) -> BehavioralClonerModel:
    return trained(easy_task(NAME, params=registry.validate_params(NAME, {"n_estimators": 15, **params})))


def test_it_is_flat_and_silent_until_every_feature_is_warm() -> None:
    signals, warm = cloned().signals(easy_bars()), warm_up(DEFAULT_FEATURES)
    assert not signals.position.iloc[:warm].any()
    assert not signals.confidence.iloc[:warm].any()
    assert (signals.confidence.iloc[warm:] > 1.0 / 3.0).all()


def test_its_confidence_is_the_probability_of_the_action_it_takes() -> None:
    bars = easy_bars()
    proba = cloned().forest.predict_proba(feature_matrix(bars, DEFAULT_FEATURES).iloc[100:])
    signals = cloned().signals(bars)
    assert np.array_equal(signals.confidence.iloc[100:], proba.max(axis=1))


def test_a_sell_ends_a_position_or_turns_it_as_the_params_say() -> None:
    assert set(cloned().signals(easy_bars()).position) == {0.0, 1.0}
    assert set(cloned(sell="short").signals(easy_bars()).position) == {-1.0, 0.0, 1.0}


def test_sized_by_confidence_a_position_keeps_the_size_of_its_last_trade() -> None:
    plain, sized = (
        cloned(sell="short").signals(easy_bars()),
        cloned(sell="short", size_by_confidence=True).signals(easy_bars()),
    )
    proba = cloned(sell="short").forest.predict_proba(feature_matrix(easy_bars(), DEFAULT_FEATURES).iloc[100:])
    trades = proba.argmax(axis=1) != 1
    size = pd.Series(np.where(trades, proba.max(axis=1), np.nan)).ffill()
    expected = plain.position.iloc[100:].to_numpy() * size.to_numpy()
    has_size = size.notna().to_numpy()
    assert np.array_equal(sized.position.iloc[100:].to_numpy()[has_size], expected[has_size])
    assert sized.confidence.equals(plain.confidence)


def test_it_learns_from_the_features_it_is_given() -> None:
    model = cloned(features=("rsi", "return_5"))
    assert model.facts.features == ("rsi", "return_5")
    assert set(model.facts.metrics["feature_importance"]) == {"rsi", "return_5"}


def test_a_feature_nobody_knows_is_refused_by_name() -> None:
    params = registry.validate_params(NAME, {"features": ["rsi", "moon_phase"]})
    with pytest.raises(UsageError, match="moon_phase"):
        trained(easy_task(NAME, params=params))


def test_what_lies_before_the_span_warms_the_features_and_teaches_nothing() -> None:
    task = easy_task(NAME)
    start = task.bars.frame.index[200].to_pydatetime()
    log = easy_expert(task.bars).frame
    early = log["date"] < pd.Timestamp(start).tz_localize(None).normalize()
    upside_down = ExpertLog(log.assign(action=log["action"].where(~early, -log["action"])))
    first = trained(replace(task, train_start=start))
    second = trained(with_expert(replace(task, train_start=start), upside_down))
    assert first.description == second.description
    assert first.forest.value.tobytes() == second.forest.value.tobytes()
    assert first.facts.metrics["train_size"] + first.facts.metrics["test_size"] == 400 - 5


def test_it_is_measured_on_the_last_part_and_then_learns_from_all_of_it() -> None:
    task = easy_task(NAME)
    log = easy_expert(task.bars).frame
    last = log["date"] >= log["date"].iloc[-100]
    changed = ExpertLog(log.assign(action=log["action"].where(~last, 0)))
    first, second = trained(task), trained(with_expert(task, changed))
    assert first.facts.metrics["train_accuracy"] == second.facts.metrics["train_accuracy"]
    assert first.facts.metrics["test_accuracy"] > second.facts.metrics["test_accuracy"]
    assert first.forest.value.tobytes() != second.forest.value.tobytes()


def test_what_of_the_log_could_not_be_used_is_an_issue_of_the_model() -> None:
    task = easy_task(NAME)
    log = easy_expert(task.bars)
    saturday = pd.Timestamp("2019-06-01")
    later = pd.Timestamp(task.train_end + timedelta(days=30)).tz_localize(None).normalize()
    dates = pd.DataFrame({"date": [saturday, later], "action": [1, 1]})
    odd = replace(log, frame=pd.concat([log.frame, dates]), unknown={"ponder": 2}, duplicates=3)
    issues = trained(with_expert(task, odd)).facts.issues
    assert issues == {"dates_without_bar": 1, "duplicates": 3, "unknown_actions": {"ponder": 2}}
