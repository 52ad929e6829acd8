"""The policy cloner as a model type: its teacher, its rollout and its evidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from config.errors import NightdeskError
from data_pipeline.inputs import Inputs
from data_pipeline.policy_states.portfolio import Holding
from data_pipeline.policy_states.states import WARM_UP
from evaluation.signal_model import Request
from evaluation.signals import Signals, sized_positions
from tests.support.markets.easy import SYMBOL, decided_inputs
from tests.support.models.examples import example, save, trained
from tests.support.models.small_policies import small_network
from trainers import load_artifact, registry
from trainers.analysts.ensemble import Ensemble
from trainers.analysts.strategies import load_strategy
from trainers.interface import TrainingContext
from trainers.policy_cloner.rollout import Rollout
from trainers.policy_cloner.teacher import decisions_of, states_of, training_dataset

INPUTS = decided_inputs().head(200)
SINCE = INPUTS.times[0].to_pydatetime()


def test_recorded_decisions_teach_where_there_are_any_else_the_analysts_of_the_strategy() -> None:
    recorded = decisions_of(INPUTS, "baseline_v1")
    assert set(recorded["action"]) == {1, 2}
    without = replace(INPUTS, decisions={})
    decided = decisions_of(without, "baseline_v1")
    pd.testing.assert_frame_equal(decided, Ensemble.of(load_strategy("baseline_v1")).decide(without))
    assert set(decided["action"]) == {0, 1, 2}


@pytest.mark.parametrize("sell", ["exit", "short"])
def test_its_positions_follow_from_its_actions_in_the_states_that_they_made(sell: str) -> None:
    policy, market = small_network().served(), states_of(INPUTS)
    rollout = Rollout.of(policy, market, sell)  # type: ignore[arg-type]
    assert np.isnan(rollout.probabilities[:WARM_UP]).all()
    states = market.rows(Holding.replayed(pd.Series(rollout.positions, market.times)))[WARM_UP:]
    probabilities, strengths = policy.decide(states)
    assert rollout.probabilities[WARM_UP:] == pytest.approx(probabilities, abs=1e-6)
    actions = np.array([0, 1, -1])[probabilities.argmax(axis=1)]
    assert rollout.positions[WARM_UP:] == pytest.approx(sized_positions(actions, strengths, sell), abs=1e-6)  # type: ignore[arg-type]
    assert len(np.unique(rollout.positions)) > 2


def test_the_account_follows_what_was_published_where_the_bars_begin_too_late() -> None:
    model, whole = trained("policy_cloner"), example("policy_cloner").unseen
    everything = model.decide(whole)[SYMBOL]
    late = whole.tail(150)
    published = everything.until(whole.times[-20].to_pydatetime())
    decided = model.decide(late, Request(published={SYMBOL: published}))[SYMBOL]
    known = published.since(late.times[0].to_pydatetime())
    pd.testing.assert_series_equal(decided.position.loc[: known.index[-1]], known.position, check_freq=False)
    unpublished = Signals(*(pd.Series(0.0, known.index) for _ in range(2)))
    flat = model.decide(late, Request(published={SYMBOL: unpublished}))[SYMBOL]
    assert not flat.position.loc[: known.index[-1]].any()


def test_rewards_are_those_of_the_ledger_one_bar_later() -> None:
    dataset = training_dataset(INPUTS, "baseline_v1", "exit", SINCE, with_rewards=True)
    assert dataset.rewards is not None
    assert len(dataset) == len(INPUTS) - WARM_UP - 1
    frame = INPUTS.only.frame
    held = training_dataset(INPUTS, "baseline_v1", "exit", SINCE, with_rewards=False).states[:-1, 24]
    quiet = (held > 0.0) & (dataset.actions == 1)
    moved = (frame["close"].shift(-1) / frame["close"] - 1.0).to_numpy()[WARM_UP:-1]
    assert np.corrcoef(dataset.rewards[quiet], moved[quiet])[0, 1] > 0.99


def test_its_checklist_holds_what_its_training_measured(tmp_path) -> None:
    save("policy_cloner", tmp_path / "model")
    manifest = load_artifact(tmp_path / "model").manifest
    checks = {check.name: check for check in registry.get("policy_cloner").evidence(manifest).checks}
    accuracy = checks["validation_accuracy"]
    assert accuracy.measured == pytest.approx(100.0 * manifest.metrics["validation"]["accuracy"])
    assert accuracy.passed == (accuracy.measured > 70.0)
    gap = 100.0 * (manifest.metrics["train_action_acc"] - manifest.metrics["val_action_acc"])
    assert checks["accuracy_gap"].measured == pytest.approx(gap)
    beyond, validation = checks["beyond_the_most_frequent_action"], manifest.metrics["validation"]
    assert beyond.measured == pytest.approx(100.0 * (validation["accuracy"] - validation["majority"]))


def test_a_teacher_that_only_holds_is_refused() -> None:
    task = example("policy_cloner").task
    rows = task.inputs.decisions[SYMBOL].assign(action=0)
    holding = replace(task, inputs=replace(task.inputs, decisions={SYMBOL: rows}))
    with pytest.raises(NightdeskError, match="only action is hold") as refused:
        registry.get("policy_cloner").train(holding, TrainingContext())
    assert refused.value.code == "training.single_class"


def test_without_bars_it_decides_nothing() -> None:
    assert trained("policy_cloner").decide(Inputs(SYMBOL, {})) == {}
