from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from data_pipeline.inputs import Inputs
from evaluation.accounting.costs import Costs
from tests.support.markets import followed_universe
from tests.support.models.examples import example, trained
from trainers import TrainingContext
from trainers.portfolio.followed import LEAST_BARS, chosen_types, followed_signals
from trainers.portfolio.model import UNCHOSEN
from trainers.portfolio.model_type import PortfolioType

COSTS = Costs(commission=0.0001, slippage=0.0)


def chosen(inputs: Inputs, name: str = "ONE") -> tuple[str, ...]:
    return chosen_types(inputs.bars[name], inputs.signals[name], COSTS)


def test_a_type_that_surely_earned_is_followed_alone() -> None:
    assert chosen(followed_universe.inputs(skill=0.9)) == ("trend",)


def test_where_none_stands_out_all_are_followed() -> None:
    assert chosen(followed_universe.inputs(), "TWO") == ("coin", "trend")


def test_few_signals_are_no_reason_to_follow_one_alone() -> None:
    inputs = followed_universe.inputs(skill=0.9)
    first = inputs.signals["ONE"].index[0]
    few = inputs.until(inputs.bars["ONE"].since(first).frame.index[LEAST_BARS - 2])
    assert "trend" in chosen(few)
    assert len(chosen(few)) == len(set(few.signals["ONE"]["model_type"]))


def test_coins_are_rarely_taken_for_skill() -> None:
    """Two coins a world: one of them is followed alone in at most about 5 % of worlds."""
    bars, alone = followed_universe.inputs().bars["TWO"], 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        tables = [
            pd.DataFrame({"model_type": name, "position": random.choice([-1.0, 1.0], 400), "confidence": 1.0})
            for name in ("one", "other")
        ]
        rows = pd.concat([table.set_axis(bars.frame.index) for table in tables]).sort_index(kind="stable")
        alone += len(chosen_types(bars, rows, COSTS)) == 1
    assert alone <= 8


def test_followed_positions_are_the_mean_of_the_newest_of_each_type() -> None:
    inputs = followed_universe.inputs()
    both, one = (followed_signals(inputs, {"ONE": types})["ONE"].position for types in (("trend", "coin"), ("trend",)))
    rows = inputs.signals["ONE"]
    at = inputs.bars["ONE"].frame.index[200]
    by_type = rows.loc[at].set_index("model_type")["position"]
    assert both.loc[at] == pytest.approx(by_type.mean())
    assert one.loc[at] == by_type["trend"]
    assert (both.iloc[:30] == 1.0).all()  # held before the first signal
    np.testing.assert_array_equal(both.iloc[30:60], one.iloc[30:60])  # the other has not begun yet
    unchosen = followed_signals(inputs, {})["ONE"].position
    pd.testing.assert_series_equal(unchosen, both)


def test_what_is_chosen_is_a_matter_of_the_training_span_alone() -> None:
    """A recipe that becomes a prophet after the training is not known to be one."""
    case, prophets = example("portfolio"), followed_universe.inputs(skill=1.0)
    end = case.task.train_end
    whole = replace(
        case.inputs,
        signals={
            name: pd.concat([rows.loc[:end], prophets.signals[name].loc[end:].iloc[1:]])
            for name, rows in case.inputs.signals.items()
        },
    )
    task = replace(case.task, inputs=whole.until(end))
    model = PortfolioType().train(task, TrainingContext(measure=False))
    assert model.description == trained("portfolio").description
    assert chosen(prophets, "TWO") == ("trend",) != tuple(model.description.followed["TWO"])


def test_without_any_signals_it_holds_every_symbol_and_says_so() -> None:
    case = example("portfolio")
    bare = case.task.inputs.with_events(lambda rows: rows.iloc[:0])
    task = type(case.task)(bare, case.task.train_start, case.task.train_end, "test", case.task.params)
    model = PortfolioType().train(task, TrainingContext())
    decided = model.decide(case.unseen.with_events(lambda rows: rows.iloc[:0]))
    remark = "No signals of ONE, TWO, NEW are stored yet; they count as held."
    assert {signals.remark for signals in decided.values()} == {remark}
    assert model.facts.issues == {"signals": UNCHOSEN}
    later = model.decide(case.unseen)
    assert not any(signals.remark for signals in later.values())
    assert (later["ONE"].position != decided["ONE"].position).any()  # it follows those that come
    newest = {name: signals.position.iloc[-1] for name, signals in decided.items()}
    assert min(newest.values()) > 0.0
    assert sum(newest.values()) <= 1.0 + 1e-12


def test_while_a_symbol_of_its_training_is_missing_nothing_is_held() -> None:
    case = example("portfolio")
    model = PortfolioType().train(case.task, TrainingContext())
    bars = {name: bars for name, bars in case.unseen.bars.items() if name != "NEW"}
    decided = model.decide(Inputs("universe", bars, signals=case.unseen.signals))
    assert all((signals.position == 0.0).all() for signals in decided.values())
