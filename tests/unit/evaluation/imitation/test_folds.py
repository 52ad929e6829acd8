"""Folds of whole markets."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice

import pandas as pd

from data_pipeline.inputs import Inputs
from evaluation.imitation.folds import FOLDS, LEAST_TRAIN, MarketPlan, blocks
from tests.support.models.small_types import markets

PLAN = MarketPlan(timedelta(days=1000), 20)


def inputs(number: int) -> Inputs:
    return markets([f"market-{nth:02d}" for nth in range(number)])


def test_blocks_are_a_quarter_of_what_lies_before_them_and_at_least_four() -> None:
    assert list(islice(blocks(None), 7)) == [(8, 12), (12, 16), (16, 20), (20, 25), (25, 31), (31, 38), (38, 47)]
    assert list(blocks(13)) == [(8, 12), (12, 16)]
    assert list(blocks(8)) == []


def test_a_fold_learns_from_what_was_over_before_its_first_market_opened() -> None:
    whole = inputs(18)
    for fold in PLAN.folds(whole):
        first = whole.bars[fold.markets[0][0]].frame.index[0]
        assert fold.train.last < first == fold.test.first
        # the market before ends at the very hour at which this one opens
        assert pd.Timestamp(fold.train.last) > max(
            bars.frame.index[-1] for bars in whole.bars.values() if bars.frame.index[-1] < first
        )
        assert fold.train.first == whole.times[0]


def test_every_later_market_is_tested_once() -> None:
    folds = PLAN.folds(inputs(18))
    assert [name for fold in folds for name, _ in fold.markets] == [f"market-{nth:02d}" for nth in range(8, 18)]


def test_new_markets_join_the_open_block_and_change_no_other() -> None:
    before, after = PLAN.folds(inputs(17)), PLAN.folds(inputs(18))
    assert after[:-1] == before[:-1]
    assert after[-1].markets[:-1] == before[-1].markets
    assert after[-1].train == before[-1].train
    assert PLAN.grows(inputs(18), after[-1])
    assert not PLAN.grows(inputs(18), after[0])


def test_only_the_newest_blocks_are_tested() -> None:
    folds = PLAN.folds(inputs(27))
    assert len(folds) == FOLDS
    assert folds[0].markets[0][0] == "market-12"


def test_too_few_markets_or_bars_have_no_fold() -> None:
    assert PLAN.folds(inputs(LEAST_TRAIN)) == []
    assert MarketPlan(timedelta(days=1000), 10_000).folds(inputs(12)) == []


def test_a_fold_looks_no_further_back_than_its_recipe() -> None:
    [fold] = MarketPlan(timedelta(hours=3), 20).folds(inputs(12))
    assert pd.Timestamp(fold.train.last) - pd.Timestamp(fold.train.first) <= pd.Timedelta(hours=4)
