"""Offline datasets: what a file gives back, and what is refused with its cure."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.errors import NightdeskError
from data_pipeline.offline.dataset import OfflineDataset

ROWS = 5


def arrays(**changes: Any) -> dict[str, Any]:
    whole = {
        "states": np.random.default_rng(0).normal(size=(ROWS, 34)).astype(np.float32),
        "actions": np.array([0, 1, 2, 0, 1]),
        "strengths": np.array([0.0, 0.5, 1.0, 0.0, 0.25], np.float32),
        "rewards": np.array([0.0, 0.01, -0.02, 0.0, 0.03], np.float32),
        "times": np.arange(ROWS)[::-1] * 86_400_000_000_000,
        "symbols": np.array(["AAPL", "BTC-USD", "AAPL", "AAPL", "AAPL"]),
    }
    return {name: array for name, array in (whole | changes).items() if array is not None}


def test_a_saved_dataset_comes_back_to_the_last_bit_and_needs_no_pickle(tmp_path: Path) -> None:
    dataset = OfflineDataset(**arrays())
    dataset.save(tmp_path / "data" / "offline.npz")
    with np.load(tmp_path / "data" / "offline.npz", allow_pickle=False) as file:
        kinds = {name: str(file[name].dtype) for name in file.files}
    assert kinds.pop("symbols").startswith("<U")
    assert kinds == {
        "states": "float32",
        "actions": "int64",
        "strengths": "float32",
        "rewards": "float32",
        "times": "int64",
    }
    loaded = OfflineDataset.load(tmp_path / "data" / "offline.npz")
    assert {name: array.tobytes() for name, array in vars(loaded).items()} == {
        name: array.tobytes() for name, array in vars(dataset).items()
    }


def test_states_and_actions_are_enough_and_what_else_is_in_the_file_is_not_read(tmp_path: Path) -> None:
    foreign = np.array([object()], dtype=object)
    np.savez(tmp_path / "old.npz", states=np.zeros((2, 34)), actions=np.array([0, 2], np.uint8), notes=foreign)
    dataset = OfflineDataset.load(tmp_path / "old.npz")
    assert (len(dataset), dataset.strengths, dataset.times) == (2, None, None)
    assert (dataset.states.dtype, dataset.actions.dtype) == (np.float32, np.int64)
    assert dataset.counts.tolist() == [1, 0, 1]


def test_rows_in_the_order_of_time_take_all_their_columns_along() -> None:
    dataset = OfflineDataset(**arrays())
    ordered = dataset.in_order()
    assert ordered.times is not None
    assert ordered.times.tolist() == sorted(dataset.times.tolist())  # type: ignore[union-attr]
    np.testing.assert_array_equal(ordered.states, dataset.states[::-1])
    assert ordered.symbols is not None
    assert ordered.symbols.tolist() == ["AAPL", "AAPL", "AAPL", "BTC-USD", "AAPL"]


def test_datasets_are_joined_in_the_columns_that_all_have() -> None:
    joined = OfflineDataset.joined([OfflineDataset(**arrays()), OfflineDataset(**arrays(rewards=None))])
    assert len(joined) == 2 * ROWS
    assert joined.rewards is None
    assert joined.strengths is not None


WRONG = {
    "no states": ({"states": None}, "dataset.keys"),
    "no actions": ({"actions": None}, "dataset.keys"),
    "33 numbers": ({"states": np.zeros((ROWS, 33), np.float32)}, "dataset.shape"),
    "fewer rewards": ({"rewards": np.zeros(ROWS - 1, np.float32)}, "dataset.shape"),
    "one action alone": ({"actions": np.int64(1)}, "dataset.shape"),
    "actions as numbers with a point": ({"actions": np.zeros(ROWS)}, "dataset.dtype"),
    "states as whole numbers": ({"states": np.zeros((ROWS, 34), np.int64)}, "dataset.dtype"),
    "an unknown action": ({"actions": np.array([0, 1, 2, 3, 0])}, "dataset.action"),
    "a negative action": ({"actions": np.array([0, 1, -1, 0, 0])}, "dataset.action"),
    "a state that is not finite": ({"states": np.full((ROWS, 34), np.nan, np.float32)}, "dataset.value"),
    "a strength above 1": ({"strengths": np.full(ROWS, 1.5, np.float32)}, "dataset.value"),
    "no rows": (
        dict.fromkeys(("strengths", "rewards", "times", "symbols"))
        | {"states": np.zeros((0, 34), np.float32), "actions": np.zeros(0, np.int64)},
        "dataset.empty",
    ),
}


@pytest.mark.parametrize(("changes", "code"), WRONG.values(), ids=WRONG)
def test_a_file_that_is_no_dataset_is_refused_with_its_name_and_a_cure(
    changes: dict[str, Any], code: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "wrong.npz", **arrays(**changes))
    with pytest.raises(NightdeskError, match=r"wrong\.npz") as caught:
        OfflineDataset.load(tmp_path / "wrong.npz")
    assert caught.value.code == code
    assert caught.value.cure


def test_files_of_other_kinds_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "array.npy", np.zeros(3))
    np.savez(tmp_path / "objects.npz", states=np.array([{"a": 1}], dtype=object), actions=np.zeros(1, np.int64))
    (tmp_path / "policy.npz").write_bytes(pickle.dumps({"weights": [1.0]}))
    (tmp_path / "text.npz").write_text("states,actions\n")
    whole = tmp_path / "whole.npz"
    OfflineDataset(**arrays()).save(whole)
    (tmp_path / "torn.npz").write_bytes(whole.read_bytes()[:-100])
    (tmp_path / "nothing.npz").touch()
    for name in ("array.npy", "objects.npz", "policy.npz", "text.npz", "torn.npz", "nothing.npz"):
        with pytest.raises(NightdeskError) as caught:
            OfflineDataset.load(tmp_path / name)
        assert caught.value.code == "dataset.format", name
    with pytest.raises(NightdeskError) as caught:
        OfflineDataset.load(tmp_path / "absent.npz")
    assert caught.value.code == "dataset.missing"


def test_an_impossible_dataset_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(NightdeskError, match="the dataset"):
        OfflineDataset(**arrays(actions=np.full(ROWS, 7)))
    assert list(tmp_path.iterdir()) == []
