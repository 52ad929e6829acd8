from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from purgedcv import PurgedKFold, WalkForwardSplit

from config.errors import UsageError
from data_pipeline.bars.bars import Bars
from data_pipeline.labels.splits import holdout, purged_folds, walk_forward
from data_pipeline.labels.triple_barrier import Barriers, barrier_labels
from tests.support.markets.prices import walk

DAY = pd.Timedelta(days=1)
FIRST = pd.Timestamp("2024-01-01")


@given(rows=st.integers(20, 500), test_size=st.floats(0.01, 0.99), purge=st.integers(0, 30))
def test_the_test_span_is_the_last_and_the_training_span_ends_before_the_purge(
    rows: int, test_size: float, purge: int
) -> None:
    if rows - max(1, round(rows * test_size)) <= purge:
        with pytest.raises(UsageError, match="some to train on"):
            holdout(rows, test_size, purge)
        return
    train, test = holdout(rows, test_size, purge)
    assert test[-1] == rows - 1
    assert len(test) == max(1, round(rows * test_size))
    assert np.array_equal(train, np.arange(test[0] - purge))


@pytest.mark.parametrize(("test_size", "purge"), [(0.0, 1), (1.0, 0), (float("nan"), 0), (0.2, -1)])
def test_a_holdout_that_is_no_share_of_the_rows_is_refused(test_size: float, purge: int) -> None:
    with pytest.raises(UsageError, match="100 rows do not hold"):
        holdout(100, test_size, purge)


@given(rows=st.integers(20, 500), count=st.integers(2, 20), purge=st.integers(0, 30))
def test_labels_of_one_length_keep_training_that_far_from_the_test_span_on_both_sides(
    rows: int, count: int, purge: int
) -> None:
    starts = np.arange(rows)
    for train, test in purged_folds(starts, starts + purge, count):
        near = np.arange(max(0, test[0] - purge), min(rows, test[-1] + purge + 1))
        assert np.array_equal(np.union1d(train, near), np.arange(rows))
        assert not np.intersect1d(train, near).size


@st.composite
def lives(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Labels that begin at some bars, several at one or none for long, and live for a while."""
    gaps = draw(st.lists(st.integers(0, 4), min_size=4, max_size=60))
    starts = np.cumsum(gaps)
    return starts, starts + np.array([draw(st.integers(0, 9)) for _ in gaps])


@given(lives(), st.integers(2, 4), st.floats(0.0, 0.5))
def test_a_fold_trains_on_every_label_that_shares_no_bar_with_the_test_and_is_not_under_embargo(
    spans: tuple[np.ndarray, np.ndarray], count: int, embargo: float
) -> None:
    starts, ends = spans
    folds = list(purged_folds(starts, ends, count, embargo=embargo))
    assert np.array_equal(np.concatenate([test for _, test in folds]), np.arange(len(starts)))
    for train, test in folds:
        tested = set(range(starts[test].min(), ends[test].max() + 1))
        after = [row for row in range(len(starts)) if starts[row] > max(tested)][: int(len(starts) * embargo)]
        expected = [
            row
            for row in range(len(starts))
            if not tested & set(range(starts[row], ends[row] + 1)) and row not in after
        ]
        assert train.tolist() == expected


@given(
    rows=st.integers(20, 120), count=st.integers(2, 8), longest=st.integers(0, 12), seed=st.integers(0, 99),
    embargo=st.integers(0, 10),
)  # fmt: skip
def test_purgedcv_makes_the_same_folds(rows: int, count: int, longest: int, seed: int, embargo: int) -> None:
    """Its spans are half open: one that ends with bar e ends for it where e + 1 begins. Its embargo is a duration."""
    starts = np.arange(rows)
    ends = starts + np.random.default_rng(seed).integers(0, longest + 1, rows)
    peer = PurgedKFold(
        count,
        prediction_times=pd.Series(FIRST + starts * DAY),
        evaluation_times=pd.Series(FIRST + (ends + 1) * DAY),
        embargo=(embargo - 0.5) * DAY if embargo else None,
    )
    ours = purged_folds(starts, ends, count, embargo=(embargo + 0.5) / rows)
    for (train, test), (peer_train, peer_test) in zip(ours, peer.split(np.zeros(rows)), strict=True):
        assert np.array_equal(test, peer_test)
        assert np.array_equal(train, peer_train)


def test_spans_may_be_times() -> None:
    starts = pd.date_range("2024-01-01", periods=12, freq="h").to_numpy()
    ends = starts + np.timedelta64(90, "m")
    numbered = purged_folds(np.arange(12), np.arange(12) + 1, 3, embargo=0.1)
    for (train, test), (same_train, same_test) in zip(
        purged_folds(starts, ends, 3, embargo=0.1), numbered, strict=True
    ):
        assert np.array_equal(train, same_train)
        assert np.array_equal(test, same_test)


def test_the_spans_of_barrier_labels_are_purged_as_they_stand() -> None:
    bars = Bars(walk(60), "BTC-USD")
    labelled = barrier_labels(bars, Barriers(horizon=5), sigma=0.01)
    entered = bars.frame.index.get_indexer(labelled.index)
    numbered = purged_folds(entered, entered + labelled["bars_held"].to_numpy(), 3, embargo=0.1)
    for one, other in zip(purged_folds(labelled.index, labelled["touched_at"], 3, embargo=0.1), numbered, strict=True):
        assert np.array_equal(one.train, other.train)
        assert np.array_equal(one.test, other.test)


@pytest.mark.parametrize("embargo", [-0.1, 1.0, np.nan, np.inf])
def test_an_embargo_that_is_no_share_is_refused(embargo: float) -> None:
    with pytest.raises(UsageError, match="from 0 to below 1"):
        list(purged_folds(np.arange(20), np.arange(20), 4, embargo=embargo))


@pytest.mark.parametrize("count", [0, 1, 21])
def test_an_impossible_number_of_folds_is_refused(count: int) -> None:
    with pytest.raises(UsageError, match="Choose from 2 to 20"):
        list(purged_folds(np.arange(20), np.arange(20), count))


@pytest.mark.parametrize(
    ("starts", "ends"),
    [
        ([0, 2, 1], [3, 3, 3]),
        ([0, 1, 2], [1, 0, 3]),
        ([0, 1, 2], [0, 1]),
        ([0, 1, 2], [1, np.nan, 3]),
        ([0, np.nan, 2], [3, 3, 3]),
    ],
    ids=str,
)
def test_spans_out_of_order_or_unknown_are_refused(starts: list[float], ends: list[float]) -> None:
    with pytest.raises(UsageError, match="order"):
        list(purged_folds(np.array(starts), np.array(ends), 2))


@given(rows=st.integers(20, 200), train=st.integers(1, 60), test=st.integers(1, 40), purge=st.integers(0, 10))
def test_a_walk_tests_every_row_after_the_first_training_span_once_and_never_looks_ahead(
    rows: int, train: int, test: int, purge: int
) -> None:
    if train + purge >= rows:
        with pytest.raises(UsageError, match="leave room"):
            list(walk_forward(rows, train=train, test=test, purge=purge))
        return
    rolling = list(walk_forward(rows, train=train, test=test, purge=purge))
    anchored = list(walk_forward(rows, train=train, test=test, purge=purge, anchored=True))
    assert np.array_equal(np.concatenate([split.test for split in rolling]), np.arange(train + purge, rows))
    for one, other in zip(rolling, anchored, strict=True):
        assert np.array_equal(one.test, other.test)
        assert np.array_equal(one.train, np.arange(one.test[0] - purge - train, one.test[0] - purge))
        assert np.array_equal(other.train, np.arange(one.test[0] - purge))


def test_a_longer_step_leaves_rows_untested_and_a_shorter_one_is_refused() -> None:
    walked = list(walk_forward(30, train=10, test=4, step=7))
    assert [split.test.tolist() for split in walked] == [[10, 11, 12, 13], [17, 18, 19, 20], [24, 25, 26, 27]]
    assert [split.train[0] for split in walked] == [0, 7, 14]
    with pytest.raises(UsageError, match="tests would overlap") as refused:
        list(walk_forward(30, train=10, test=4, step=3))
    assert refused.value.code == "splits.step"


@pytest.mark.parametrize("anchored", [False, True])
def test_purgedcv_walks_the_same_way(anchored: bool) -> None:
    rows, train, test = 47, 12, 5
    times = pd.Series(FIRST + np.arange(rows) * DAY)
    peer = WalkForwardSplit(
        7,
        test,
        train_size=None if anchored else train,
        window="expanding" if anchored else "sliding",
        prediction_times=times,
        evaluation_times=times,
    )
    ours = walk_forward(rows, train=train, test=test, anchored=anchored)
    for (mine, tested), (theirs, peer_test) in zip(ours, peer.split(np.zeros(rows)), strict=True):
        assert np.array_equal(tested, peer_test)
        assert np.array_equal(mine, theirs)
