from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.errors import NightdeskError
from data_pipeline.offline.dataset import OfflineDataset


def arrays(rows: int = 4, **changes: Any) -> dict[str, Any]:
    return {
        "states": np.zeros((rows, 34), np.float32),
        "actions": np.arange(rows) % 3,
        "strengths": np.full(rows, 0.5, np.float32),
        **changes,
    }


def test_a_saved_dataset_is_loaded_as_it_was(tmp_path: Path) -> None:
    times = np.array([30, 10, 20, 40])
    dataset = OfflineDataset(**arrays(times=times, symbols=np.array(["A", "B", "A", "A"]), rewards=np.ones(4)))
    dataset.save(tmp_path / "d.npz")
    loaded = OfflineDataset.load(tmp_path / "d.npz")
    assert loaded.counts.tolist() == [2, 1, 1]
    assert loaded.rewards is not None
    assert loaded.rewards.dtype == np.float32
    assert loaded.in_order().actions.tolist() == [1, 2, 0, 0]
    assert loaded.in_order().symbols is not None
    assert loaded.in_order().symbols.tolist() == ["B", "A", "A", "A"]


def test_states_and_actions_are_enough(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", states=np.zeros((2, 34)), actions=np.array([0, 2], np.int8))
    loaded = OfflineDataset.load(tmp_path / "d.npz")
    assert (len(loaded), loaded.strengths, loaded.times) == (2, None, None)


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"states": np.zeros((4, 33), np.float32)}, "dataset.shape", r"States .*\(4, 33\).*\(4, 34\)"),
        ({"strengths": np.zeros(3, np.float32)}, "dataset.shape", r"Strengths .*\(3,\)"),
        ({"states": np.zeros((4, 34), np.int64)}, "dataset.dtype", "int64"),
        ({"actions": np.array([0.0, 1.0, 2.0, 1.0])}, "dataset.dtype", "Actions .* float64"),
        ({"actions": np.array([0, 1, -1, 2])}, "dataset.action", "Action -1 in row 2"),
        ({"strengths": np.array([0.5, 1.5, 0.0, 0.0], np.float32)}, "dataset.value", "strength in row 1 .* is 1.5"),
        ({"states": np.full((4, 34), np.nan, np.float32)}, "dataset.value", "States in row 0"),
    ],
)
def test_a_wrong_array_is_named_with_its_row_and_the_cure(
    tmp_path: Path, changes: dict[str, Any], code: str, words: str
) -> None:
    np.savez(tmp_path / "d.npz", **arrays(**changes))
    with pytest.raises(NightdeskError, match=words) as refused:
        OfflineDataset.load(tmp_path / "d.npz")
    assert refused.value.code == code
    assert refused.value.cure


def test_missing_keys_and_an_empty_dataset_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "keys.npz", states=np.zeros((4, 34)), action=np.zeros(4))
    np.savez(tmp_path / "empty.npz", **arrays(rows=0))
    for name, code in (("keys", "dataset.keys"), ("empty", "dataset.empty"), ("none", "dataset.missing")):
        with pytest.raises(NightdeskError) as refused:
            OfflineDataset.load(tmp_path / f"{name}.npz")
        assert refused.value.code == code


def test_a_file_that_is_no_npz_or_holds_pickles_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("states,actions")
    np.save(tmp_path / "one.npy", np.zeros(3))
    np.savez(tmp_path / "pickled.npz", states=np.zeros((1, 34)), actions=np.array([{"a": 1}], dtype=object))
    for name in ("text.npz", "one.npy", "pickled.npz"):
        with pytest.raises(NightdeskError) as refused:
            OfflineDataset.load(tmp_path / name)
        assert refused.value.code == "dataset.format"
        assert "states (N, 34)" in refused.value.cure
