"""The evidence of a report on a copy, over three made-up markets of which the decisions are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from data_pipeline.inputs import Inputs
from evaluation.imitation.evidence import ImitationEvidence, imitation_evidence
from evaluation.imitation.record import ImitationRecord
from evaluation.imitation.targets import TARGETS, target_responses
from evaluation.signal_model import NO_REQUEST, Request
from evaluation.signals import Signals
from tests.support.models.copies import market, record
from tests.support.models.small_types import markets

INPUTS = markets()
BUY, HOLD = 1, 2


def decided() -> ImitationRecord:
    """The trader buys on every second bar; the copy does so a bar too early."""
    actual = np.resize([HOLD, BUY], 120)
    early = np.resize([BUY, HOLD], 120)
    made = [
        replace(market(0, actual, early), name=name, time=pd.DatetimeIndex(bars.frame.index))
        for name, bars in INPUTS.bars.items()
    ]
    return record(made)


@pytest.fixture(scope="module")
def evidence() -> ImitationEvidence:
    return imitation_evidence(decided(), INPUTS, None)


def test_decisions_that_are_a_bar_early_copy_all_when_they_come_a_bar_late(evidence: ImitationEvidence) -> None:
    assert evidence.rows[0].accuracy.estimate == 0.0
    assert evidence.late.estimate == 100.0


def test_every_market_counts_in_its_hour_and_its_day_since_the_training(evidence: ImitationEvidence) -> None:
    assert [part.name for part in evidence.hours] == ["15", "16", "17"]
    assert [part.name for part in evidence.ages] == ["day 8"]
    [day] = evidence.ages
    assert (day.markets, day.decisions, day.accuracy, day.actual, day.copied) == (3, 360, 0.0, 50.0, 50.0)
    # doing nothing, as without a market to learn from, is right on every second bar
    assert day.best_baseline == 50.0


def test_the_table_of_counts_and_the_gain_on_each_rule_are_of_the_same_bars(evidence: ImitationEvidence) -> None:
    assert np.sum(evidence.confusion) == 360
    assert evidence.confusion[HOLD][BUY] == evidence.confusion[BUY][HOLD] == 180
    majority = next(row for row in evidence.rows if row.name == "majority")
    assert majority.gain is not None
    assert majority.gain.estimate == -50.0


def test_the_traders_returns_are_those_of_its_log(evidence: ImitationEvidence) -> None:
    assert evidence.delay.markets == 3
    assert evidence.association.markets == 3
    assert evidence.delay.cost.estimate is not None


class Wishful:
    """Buys where more than one percent is asked for, if it listens."""

    def __init__(self, *, listens: bool) -> None:
        self.listens = listens

    def features(self, inputs: Inputs) -> Mapping[str, pd.DataFrame]:
        return {}

    def decide(self, inputs: Inputs, request: Request = NO_REQUEST) -> Mapping[str, Signals]:
        buys = self.listens and request.target_return is not None and request.target_return > 0.01
        return {
            name: Signals(*(pd.Series(0.5 * buys, bars.frame.index) for _ in range(2)))
            for name, bars in inputs.bars.items()
        }


def test_a_model_that_listens_to_the_return_that_is_asked_for_is_told_from_one_that_does_not() -> None:
    responses = target_responses(Wishful(listens=True), INPUTS)
    assert responses is not None
    assert [each.target for each in responses] == list(TARGETS)
    assert [each.up for each in responses] == [100.0 * (target > 0.01) for target in TARGETS]
    assert [each.changed for each in responses] == [each.up for each in responses]
    assert target_responses(Wishful(listens=False), INPUTS) is None
