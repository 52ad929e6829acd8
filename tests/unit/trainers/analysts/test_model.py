"""The model goes on without a policy that is missing, fails, is stale or cannot be loaded, and its signal says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from data_pipeline.inputs import Inputs
from tests.support.markets.easy import SYMBOL, rough_bars
from trainers.analysts.ensemble import Ensemble
from trainers.analysts.model import AnalystEnsembleModel, EnsembleDescription, signals_of
from trainers.analysts.model_type import AnalystEnsembleType
from trainers.analysts.strategies import AnalystWeights

BARS = rough_bars(200)
INPUTS = Inputs.of(BARS)
DESCRIPTION = EnsembleDescription(
    analyst_weights=AnalystWeights(news=0.0),
    sell="exit",
    policy_days=30,
    members=("policy_cloner",),
    trained_until=datetime(2030, 1, 1, tzinfo=UTC),
)


class _Sells:
    def probabilities(self, inputs: Inputs) -> pd.DataFrame:
        return pd.DataFrame({"hold": 0.1, "buy": 0.1, "sell": 0.8}, inputs.only.frame.index)


class _Fails:
    def probabilities(self, inputs: Inputs) -> pd.DataFrame:
        raise ValueError(f"no state of {inputs.subject}")


def test_with_a_policy_that_has_a_view_there_is_no_remark() -> None:
    model = AnalystEnsembleModel(DESCRIPTION, _Sells())
    assert model.decide(INPUTS)[SYMBOL].remark == ""
    assert model.features(INPUTS)[SYMBOL]["rl_probability_up"].tolist() == pytest.approx([0.15] * len(BARS))


@pytest.mark.parametrize(
    ("policy", "changes", "reason"),
    [
        (None, {"without": "its policy could not be trained"}, "its policy could not be trained"),
        (_Fails(), {}, "its policy failed: no state of EASY"),
        (_Sells(), {"trained_until": datetime(2015, 1, 1, tzinfo=UTC)}, "has learned until 2015-01-01 and is stale"),
    ],
)
def test_without_a_view_of_its_policy_the_others_decide_as_if_there_were_none(policy, changes, reason) -> None:
    model = AnalystEnsembleModel(DESCRIPTION.model_copy(update=changes), policy)
    signals = model.decide(INPUTS)[SYMBOL]
    others = Ensemble(AnalystWeights(news=0.0, rl=0.0)).decide(INPUTS)
    assert signals.position.equals(signals_of(others, "exit").position)
    assert signals.remark.startswith("Decided without rl")
    assert reason in signals.remark


def test_a_policy_has_a_view_until_it_is_stale_and_none_after() -> None:
    until = BARS.frame.index[100].to_pydatetime() - timedelta(days=30)
    model = AnalystEnsembleModel(DESCRIPTION.model_copy(update={"trained_until": until}), _Sells())
    known = model.decisions(INPUTS)["rl_confidence"].notna()
    assert known.tolist() == [True] * 101 + [False] * 99


def test_an_analyst_of_weight_zero_is_not_missed() -> None:
    weights = AnalystWeights(news=0.0, rl=0.0)
    model = AnalystEnsembleModel(DESCRIPTION.model_copy(update={"analyst_weights": weights}), _Fails())
    assert model.decide(INPUTS)[SYMBOL].remark == ""


def test_a_policy_that_cannot_be_loaded_leaves_the_others_to_decide(tmp_path) -> None:
    AnalystEnsembleModel(DESCRIPTION, _Sells()).save(tmp_path)  # and no member beside it
    signals = AnalystEnsembleType().load(tmp_path).decide(INPUTS)[SYMBOL]
    assert "its policy cannot be loaded" in signals.remark


def test_without_bars_nothing_is_decided() -> None:
    model = AnalystEnsembleModel(DESCRIPTION, _Sells())
    nothing = replace(INPUTS, bars={})
    assert (model.decide(nothing), model.features(nothing)) == ({}, {})
