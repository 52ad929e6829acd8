from __future__ import annotations

import numpy as np
import pytest

from config.errors import NightdeskError
from data_pipeline.actions import NO_TRADE
from data_pipeline.trader_logs.sequences import RETURN_SCALE, WINDOW, Sequences, returns_to_go

BEGINS = np.array([0, 0, 0, 3, 3])
REWARDS = np.array([0.01, -0.02, 0.04, 0.1, 0.2])


@pytest.fixture
def sequences() -> Sequences:
    states = np.arange(5 * 17, dtype="f8").reshape(5, 17)
    return Sequences.of(states, np.array([0, 1, 3, 4, 1], dtype=np.int8), REWARDS, BEGINS, window=4)


def test_the_return_to_go_is_the_sum_to_the_end_of_the_market():
    np.testing.assert_allclose(returns_to_go(REWARDS, BEGINS), [0.03, 0.02, 0.04, 0.3, 0.2])
    assert returns_to_go(np.empty(0), np.empty(0, dtype="i8")).tolist() == []


def test_there_is_a_window_for_each_bar_and_128_bars_in_it_by_default(sequences):
    assert len(sequences) == 5
    assert WINDOW == 128
    assert RETURN_SCALE == 100.0


def test_a_window_is_padded_on_the_left_and_never_crosses_into_another_market(sequences):
    batch = sequences.batch([0, 2, 3, 4])
    assert batch.mask.tolist() == [
        [False, False, False, True],
        [False, True, True, True],
        [False, False, False, True],
        [False, False, True, True],
    ]
    assert batch.states[1, 1:, 0].tolist() == [0.0, 17.0, 34.0]
    assert batch.states[3, 2:, 0].tolist() == [51.0, 68.0]
    assert (batch.states[~batch.mask] == 0).all()
    assert (batch.returns_to_go[~batch.mask] == 0).all()
    assert (batch.actions[~batch.mask] == NO_TRADE).all()


def test_the_newest_bar_stands_last_with_its_action_and_its_scaled_return(sequences):
    batch = sequences.batch([2, 4])
    assert batch.actions[:, -1].tolist() == [3, 1]
    np.testing.assert_allclose(batch.returns_to_go[:, -1, 0], [4.0, 20.0], rtol=1e-6)


def test_a_batch_has_the_shapes_and_types_that_nets_take(sequences):
    batch = sequences.batch(np.arange(5))
    assert batch.returns_to_go.shape == (5, 4, 1)
    assert batch.states.shape == (5, 4, 17)
    assert batch.actions.shape == batch.mask.shape == (5, 4)
    assert [array.dtype for array in batch] == ["f4", "f4", "i8", "?", "f4", "?"]
    assert sequences.batch([]).states.shape == (0, 4, 17)


def test_a_batch_knows_its_actions_one_hot_and_what_each_bar_earned(sequences):
    batch = sequences.batch([2, 4])
    assert batch.one_hot.shape == (2, 4, 5)
    assert batch.one_hot[:, -1].argmax(-1).tolist() == [3, 1]
    assert (batch.one_hot.sum(-1) == batch.mask).all()
    np.testing.assert_allclose(batch.returns[0], [0.0, 0.01, -0.02, 0.04], rtol=1e-6)
    assert (batch.counted == batch.mask).all()


@pytest.mark.parametrize("window", [1, 2, 3, 4, 5, 128])
def test_over_contracts_every_bar_counts_once_with_at_least_half_a_window_before_it(window):
    lengths = [1, 7, 4, 12]
    starts = np.cumsum(lengths) - lengths
    rows = int(np.sum(lengths))
    whole = Sequences.of(
        np.zeros((rows, 17)), np.zeros(rows, "i1"), np.zeros(rows), np.repeat(starts, lengths), window=window
    )
    windows = whole.contracts()
    counted = [np.arange(first, end + 1) for end, _, first in zip(*windows, strict=True)]
    assert sorted(np.concatenate(counted).tolist()) == list(range(rows))
    for end, begin, first in zip(*windows, strict=True):
        assert whole.begins[end] <= begin <= first <= end < begin + window
        assert first == whole.begins[end] or first - begin >= (window - 1) // 2
    assert int(whole.cut(windows).counted.sum()) == rows


def test_windows_of_a_contract_begin_where_they_would_if_it_ended_earlier():
    def begins(rows):
        states = np.zeros((rows, 17))
        return Sequences.of(states, np.zeros(rows, "i1"), np.zeros(rows), np.zeros(rows, "i8"), window=4).contracts()

    for rows in range(1, 20):
        fewer, more = begins(rows), begins(rows + 1)
        assert more.begins[: len(fewer.begins)].tolist() == fewer.begins.tolist()
        assert more.counted_from[: len(fewer.begins)].tolist() == fewer.counted_from.tolist()


def test_without_a_scale_returns_are_scaled_by_their_own_deviation():
    scaled = Sequences.of(np.zeros((5, 17)), np.zeros(5, dtype=np.int8), REWARDS, BEGINS, return_scale=None)
    assert scaled.returns_to_go.std() == pytest.approx(1.0)
    still = Sequences.of(np.zeros((2, 17)), np.zeros(2, dtype=np.int8), np.zeros(2), BEGINS[:2], return_scale=None)
    assert still.returns_to_go.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("numbers", [[5], [-1], [0, 99]])
def test_a_window_that_does_not_exist_is_refused(sequences, numbers):
    with pytest.raises(NightdeskError) as caught:
        sequences.batch(numbers)
    assert caught.value.code == "sequences.range"
    assert "5 windows" in caught.value.message
