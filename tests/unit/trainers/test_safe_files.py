"""Files of tensors: what is read is what was written, or nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from config.errors import NightdeskError
from trainers.safe_files import read_tensors, tensor_bytes

TENSORS = {
    "weights": np.arange(12, dtype=np.float32).reshape(3, 4),
    "turned": np.arange(6.0).reshape(2, 3).T,
    "count": np.array(7, np.int64),
    "none": np.empty((0, 3), np.float32),
    "flags": np.array([True, False]),
}
METADATA = {"kind": "test", "names": ["a", "b"]}
WRITTEN = tensor_bytes(TENSORS, METADATA)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(WRITTEN)
    tensors, metadata = read_tensors(tmp_path / "file")
    assert metadata == METADATA
    assert tensors.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        np.testing.assert_array_equal(tensors[name], array)
        assert tensors[name].dtype == array.dtype


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(bit=st.integers(0, 8 * len(WRITTEN) - 1))
def test_one_turned_bit_is_noticed_or_changes_no_number(tmp_path: Path, bit: int) -> None:
    turned = bytearray(WRITTEN)
    turned[bit // 8] ^= 1 << bit % 8
    (tmp_path / "file").write_bytes(turned)
    try:
        tensors, metadata = read_tensors(tmp_path / "file")
    except NightdeskError as error:
        assert error.code in {"model.corrupt", "model.unsafe"}  # noqa: PT017 -- or nothing is raised
        return
    assert all(np.array_equal(tensors[name], array) for name, array in TENSORS.items())
    assert not metadata or metadata.items() >= METADATA.items()  # else the names of metadata or digest have turned


def test_a_file_without_a_digest_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(save({"a": np.zeros(2)}, metadata={"nightdesk": '{"kind": "old"}'}))
    assert read_tensors(tmp_path / "file")[1] == {"kind": "old"}


def test_a_digest_of_other_content_is_named(tmp_path: Path) -> None:
    turned = bytearray(WRITTEN)
    turned[-1] ^= 1
    (tmp_path / "file").write_bytes(turned)
    with pytest.raises(NightdeskError, match="not what was written"):
        read_tensors(tmp_path / "file")
