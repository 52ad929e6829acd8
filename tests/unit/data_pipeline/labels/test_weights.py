"""Weights worked by hand for three labels, against a plain loop for many, and the laws they keep."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import NightdeskError, UsageError
from data_pipeline.bars.bars import Bars
from data_pipeline.labels.triple_barrier import Barriers, barrier_labels
from data_pipeline.labels.weights import concurrency, sample_weights
from tests.support.markets.prices import frame, walk

# Log returns of 1, 2, 4 and 8 percent; entries at bars 0, 1 and 3 that live for 2, 2 and 1 bars.
BARS = Bars(frame([100.0 * math.exp(heap) for heap in (0.0, 0.01, 0.03, 0.07, 0.15)]), "BTC-USD")
LABELLED = pd.DataFrame({"bars_held": [2, 2, 1]}, index=BARS.frame.index[[0, 1, 3]])


def test_a_label_lives_through_the_returns_after_its_entry() -> None:
    """Label 0 is made of returns 1 and 2, label 1 of 2 and 3, label 2 of 4; only return 2 is shared."""
    assert concurrency(BARS, LABELLED).tolist() == [0, 1, 2, 1, 1]


def test_weights_worked_by_hand() -> None:
    weights = sample_weights(BARS, LABELLED)
    assert weights["uniqueness"].to_numpy() == pytest.approx([0.75, 0.75, 1.0])
    shares = np.array([0.01 + 0.02 / 2, 0.02 / 2 + 0.04, 0.08])
    assert weights["attribution"].to_numpy() == pytest.approx(shares * 3 / shares.sum())
    assert weights["decay"].tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("oldest", "expected"),
    [
        (0.5, [1 - 0.2 * 1.75, 1 - 0.2 * 1.0, 1.0]),  # uniqueness heaps up to 0.75, 1.5, 2.5: slope 0.5 / 2.5
        (0.0, [0.3, 0.6, 1.0]),
        (-0.5, [0.0, 0.2, 1.0]),  # the older half of the heap, up to 1.25, weighs nothing
    ],
)
def test_decay_is_linear_in_the_uniqueness_heaped_up(oldest: float, expected: list[float]) -> None:
    weights = sample_weights(BARS, LABELLED, oldest=oldest)
    assert weights["decay"].to_numpy() == pytest.approx(expected)
    pd.testing.assert_series_equal(weights["weight"], weights["attribution"] * weights["decay"], check_names=False)


def test_labels_that_share_nothing_are_all_unique_and_labels_that_share_all_split_it() -> None:
    alone = pd.DataFrame({"bars_held": [1, 1, 1, 1]}, index=BARS.frame.index[:4])
    together = pd.DataFrame({"bars_held": [4, 4]}, index=BARS.frame.index[[0, 0]])
    assert sample_weights(BARS, alone)["uniqueness"].tolist() == [1.0] * 4
    assert sample_weights(BARS, together)["uniqueness"].to_numpy() == pytest.approx([0.5, 0.5])


def test_a_market_that_never_moves_attributes_nothing() -> None:
    flat = Bars(frame([50.0] * 5), "BTC-USD")
    assert sample_weights(flat, LABELLED)["attribution"].tolist() == [0.0, 0.0, 0.0]
    assert sample_weights(flat, LABELLED.head(0)).empty


@given(n=st.integers(30, 120), seed=st.integers(0, 999), horizon=st.integers(1, 12))
def test_many_labels_are_weighed_as_a_plain_loop_does(n: int, seed: int, horizon: int) -> None:
    bars = Bars(walk(n, seed), "BTC-USD")
    side = pd.Series(np.random.default_rng(seed).integers(-1, 2, n), bars.frame.index)
    labelled = barrier_labels(bars, Barriers(horizon=horizon), sigma=0.008, side=side)
    lives = [
        range(bars.frame.index.get_loc(time) + 1, bars.frame.index.get_loc(time) + bars_held + 1)
        for time, bars_held in labelled["bars_held"].items()
    ]
    live = [sum(t in life for life in lives) for t in range(n)]
    close = bars.frame["close"].tolist()
    returns = [0.0] + [math.log(after / before) for before, after in pairwise(close)]
    shares = [abs(sum(returns[t] / live[t] for t in life)) for life in lives]
    weights = sample_weights(bars, labelled)
    assert concurrency(bars, labelled).tolist() == live
    assert weights["uniqueness"].tolist() == pytest.approx([np.mean([1 / live[t] for t in life]) for life in lives])
    assert weights["attribution"].tolist() == pytest.approx([share * len(lives) / sum(shares) for share in shares])
    assert weights["attribution"].sum() == pytest.approx(len(lives))


@pytest.mark.parametrize("oldest", [-1.0, 1.1, math.nan])
def test_a_decay_that_cannot_be_is_refused(oldest: float) -> None:
    with pytest.raises(UsageError, match="-1 to 1"):
        sample_weights(BARS, LABELLED, oldest=oldest)


def test_labels_of_other_bars_are_refused() -> None:
    for bars in (BARS.tail(3), BARS.head(4)):
        with pytest.raises(NightdeskError, match="not made of these bars"):
            sample_weights(bars, LABELLED)
