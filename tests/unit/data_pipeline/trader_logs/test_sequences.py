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
    assert [array.dtype for array in batch] == ["f4", "f4", "i8", "?"]
    assert sequences.batch([]).states.shape == (0, 4, 17)


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
