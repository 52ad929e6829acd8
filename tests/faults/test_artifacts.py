"""Model folders and brains from hostile or broken disks: each is refused with a clear error, none is executed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import safetensors.numpy

from config.errors import ConfigError, NightdeskError, UsageError
from tests.support.markets.easy import easy_task
from tests.support.markets.labelled_features import labelled
from trainers import (
    ArtifactFacts,
    BehavioralCloner,
    BehavioralClonerConfig,
    TrainingContext,
    load_artifact,
    manifest_sha256,
    prove,
    registry,
    save_artifact,
)
from trainers.interface import ModelFacts
from trainers.safe_files import read_tensors, tensor_bytes

NAME = "behavioral_cloner"
Change = Callable[[Path], None]


class Bomb:
    """What an attacker puts into a pickle."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch exploded",)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    task = easy_task(NAME, params=registry.validate_params(NAME, {"n_estimators": 3}))
    model = registry.get(NAME).train(task, TrainingContext(seed=1))
    folder = tmp_path_factory.mktemp("models") / "EASY" / NAME / "v1"
    facts = ArtifactFacts(
        model_type=NAME,
        version="v1",
        params=task.params,
        inputs=task.inputs,
        dataset="d" * 64,
        provenance="test",
        train_start=task.train_start,
        train_end=task.train_end,
        trained_at=datetime(2024, 1, 1, tzinfo=UTC),
        settings_fingerprint="f" * 64,
        seed=1,
    )
    save_artifact(folder, model, facts)
    return folder


@pytest.fixture
def folder(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(published, tmp_path / "EASY" / NAME / "v1"))


def refused(folder: Path) -> NightdeskError:
    with pytest.raises(NightdeskError) as error:
        prove(load_artifact(folder))
    assert not Path("exploded").exists()
    assert error.value.cure
    return error.value


def manifest_with(folder: Path, **changes: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def forge(folder: Path, name: str, data: bytes) -> None:
    """Change a file and its hash in the manifest, as an attacker would."""
    (folder / name).write_bytes(data)
    files = json.loads((folder / "manifest.json").read_text())["files"]
    manifest_with(folder, files=files | {name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}})


def forge_tensors(folder: Path, name: str, **arrays: np.ndarray) -> None:
    tensors, metadata = read_tensors(folder / name)
    forge(folder, name, tensor_bytes(tensors | arrays, metadata))


def forge_node(folder: Path, name: str, place: int, value: float) -> None:
    array = read_tensors(folder / "weights.safetensors")[0][name].copy()
    array[place] = value
    forge_tensors(folder, "weights.safetensors", **{name: array})


def test_an_untouched_artefact_loads_and_reproduces_its_golden_predictions(folder: Path) -> None:
    artifact = load_artifact(folder, manifest_sha256(folder))
    prove(artifact)  # it raises for any difference, to the last bit
    assert set(artifact.manifest.files) == {path.name for path in folder.iterdir()} - {"manifest.json"}


@pytest.mark.parametrize("name", ["weights.safetensors", "model.json", "golden.safetensors"])
def test_a_manifest_that_does_not_miss_a_file_does_not_make_up_for_it(folder: Path, name: str) -> None:
    files = json.loads((folder / "manifest.json").read_text())["files"]
    manifest_with(folder, files={other: files[other] for other in files if other != name})
    (folder / name).unlink()
    error = refused(folder)
    assert (error.code, name in error.message) == ("model.corrupt", True)


def test_a_version_is_never_written_twice(folder: Path) -> None:
    artifact, task = load_artifact(folder), easy_task(NAME)
    manifest = artifact.manifest
    facts = ArtifactFacts(
        NAME,
        "v1",
        task.params,
        task.inputs,
        "d",
        "test",
        manifest.train_start,
        manifest.train_end,
        manifest.trained_at,
        "f",
        1,
    )
    before = manifest_sha256(folder)
    with pytest.raises(NightdeskError, match="v1 of EASY behavioral_cloner exists already"):
        save_artifact(folder, artifact.model, facts)
    assert manifest_sha256(folder) == before


def test_a_training_that_fails_while_it_saves_leaves_nothing_behind(folder: Path, tmp_path: Path) -> None:
    class Torn:
        facts = ModelFacts(metrics={}, features=())

        def save(self, folder: Path) -> None:
            (folder / "weights.safetensors").write_bytes(b"half")
            raise OSError("disk full")

    manifest, task = load_artifact(folder).manifest, easy_task(NAME)
    facts = ArtifactFacts(
        NAME,
        "v2",
        task.params,
        task.inputs,
        "d",
        "test",
        manifest.train_start,
        manifest.train_end,
        manifest.trained_at,
        "f",
        1,
    )
    with pytest.raises(OSError, match="disk full"):
        save_artifact(folder.with_name("v2"), Torn(), facts)  # type: ignore[arg-type]
    assert [entry.name for entry in folder.parent.iterdir()] == ["v1"]


def _link(folder: Path) -> None:
    (folder / "weights.safetensors").rename(folder.parent / "elsewhere")
    (folder / "weights.safetensors").symlink_to(folder.parent / "elsewhere")


def _link_manifest(folder: Path) -> None:
    (folder / "manifest.json").rename(folder.parent / "elsewhere")
    (folder / "manifest.json").symlink_to(folder.parent / "elsewhere")


def _truncate(folder: Path) -> None:
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


def _one_bit(folder: Path) -> None:
    path = folder / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


FOLDERS: dict[str, tuple[Change, str, str]] = {
    "an extra pickle": (lambda f: (f / "model.pkl").write_bytes(pickle.dumps(Bomb())), "model.unsafe", "model.pkl"),
    "an extra file": (lambda f: (f / "notes.json").write_text("{}"), "model.corrupt", "notes.json"),
    "an extra folder": (lambda f: (f / "more").mkdir(), "model.unsafe", "'more'"),
    "a missing file": (lambda f: (f / "weights.safetensors").unlink(), "model.missing", "weights.safetensors"),
    "a missing manifest": (lambda f: (f / "manifest.json").unlink(), "model.missing", "manifest.json"),
    "no folder at all": (shutil.rmtree, "model.missing", "manifest.json"),
    "a link": (_link, "model.corrupt", "not a plain file"),
    "a link as manifest": (_link_manifest, "model.corrupt", "not a plain file"),
    "a torn file": (_truncate, "model.corrupt", "weights.safetensors was changed"),
    "a changed bit": (_one_bit, "model.corrupt", "weights.safetensors was changed"),
    "an empty manifest": (lambda f: (f / "manifest.json").write_bytes(b""), "model.corrupt", "manifest.json"),
    "a pickle as manifest": (
        lambda f: (f / "manifest.json").write_bytes(pickle.dumps(Bomb())),
        "model.corrupt",
        "manifest.json",
    ),
    "a huge manifest": (
        lambda f: (f / "manifest.json").write_bytes(b" " * 4_000_001),
        "model.corrupt",
        "larger than 4000000",
    ),
    "a deep manifest": (lambda f: (f / "manifest.json").write_bytes(b"[" * 100_000), "model.corrupt", "manifest.json"),
    "a newer format": (lambda f: manifest_with(f, format=3), "model.format", "it reads 1 and 2"),
    "an unknown key": (lambda f: manifest_with(f, load="os.system"), "model.corrupt", "load"),
    "a wrong type": (lambda f: manifest_with(f, seed="one"), "model.corrupt", "seed"),
    "an unknown model type": (lambda f: manifest_with(f, model_type="oracle"), "model_type.unknown", "'oracle'"),
    "unknown params": (lambda f: manifest_with(f, params={"depth": 1}), "model_type.params", "depth"),
}


@pytest.mark.parametrize("case", FOLDERS)
def test_a_folder_that_is_not_what_was_published_is_refused(folder: Path, case: str) -> None:
    change, code, words = FOLDERS[case]
    change(folder)
    error = refused(folder)
    assert error.code == code
    assert words in error.message
    assert str(folder.parent) not in str(error)


@pytest.mark.parametrize("case", ["an extra pickle", "an extra file", "an extra folder"])
def test_what_somebody_has_put_beside_a_recorded_model_is_not_read_and_keeps_it_from_nothing(
    folder: Path, case: str
) -> None:
    sha256 = manifest_sha256(folder)
    FOLDERS[case][0](folder)
    prove(load_artifact(folder, sha256))
    _one_bit(folder)
    with pytest.raises(NightdeskError) as caught:
        load_artifact(folder, sha256)
    assert caught.value.code == "model.corrupt"


@pytest.mark.parametrize(
    "name",
    ["../weights.safetensors", "/etc/passwd", "a/b.json", "..", "", "weights.pkl", "weights.safetensors\n", ".json"],
)
def test_names_in_the_manifest_never_lead_out_of_the_folder(folder: Path, name: str) -> None:
    files = json.loads((folder / "manifest.json").read_text())["files"]
    manifest_with(folder, files=files | {name: {"sha256": "0" * 64, "bytes": 1}})
    assert refused(folder).code == "model.unsafe"


def test_a_manifest_other_than_the_published_one_is_refused(folder: Path) -> None:
    expected = manifest_sha256(folder)
    manifest_with(folder, seed=2)
    with pytest.raises(NightdeskError, match="not the one that was published"):
        load_artifact(folder, expected)


def _header(document: Any, payload: bytes = b"") -> bytes:
    header = json.dumps(document).encode()
    return len(header).to_bytes(8, "little") + header + payload


def _compressed(tool: str) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(Bomb(), buffer, compress=(tool, 3))
    return buffer.getvalue()


def _zipped() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, weights=np.zeros(3))
    return buffer.getvalue()


WEIGHTS: dict[str, tuple[bytes, str]] = {
    "a pickle": (pickle.dumps(Bomb()), "model.unsafe"),
    "a joblib file": (_compressed("zlib"), "model.unsafe"),
    "a gzipped joblib file": (_compressed("gzip"), "model.unsafe"),
    "an xz joblib file": (_compressed("xz"), "model.unsafe"),
    "a bz2 joblib file": (_compressed("bz2"), "model.unsafe"),
    "a zip": (_zipped(), "model.unsafe"),
    "an old pickle": (pickle.dumps(Bomb(), protocol=0), "model.corrupt"),
    "nothing": (b"", "model.corrupt"),
    "a huge header": ((2**62).to_bytes(8, "little") + b"{}", "model.corrupt"),
    "a header without an end": (_header({"a": 1})[:-1], "model.corrupt"),
    "a header that is no object": (_header([1]), "model.corrupt"),
    "offsets beyond the file": (
        _header({"left": {"dtype": "I32", "shape": [4], "data_offsets": [0, 16]}}),
        "model.corrupt",
    ),
    "a tensor larger than memory": (
        _header({"left": {"dtype": "I32", "shape": [2**60], "data_offsets": [0, 2**62]}}),
        "model.corrupt",
    ),
    "an unknown dtype": (
        _header({"left": {"dtype": "OBJECT", "shape": [1], "data_offsets": [0, 8]}}, b"\0" * 8),
        "model.corrupt",
    ),
    "other tensors": (safetensors.numpy.save({"weights": np.zeros(3)}), "model.corrupt"),
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_weights_that_are_no_tensors_of_a_forest_are_refused_also_with_a_forged_hash(folder: Path, case: str) -> None:
    data, code = WEIGHTS[case]
    forge(folder, "weights.safetensors", data)
    assert refused(folder).code == code


@pytest.mark.parametrize("case", WEIGHTS)
def test_weights_of_a_brain_that_are_no_tensors_of_a_forest_are_refused(
    tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data, code = WEIGHTS[case]
    brain = tmp_path / "my_model.pkl"
    brain.write_bytes(data)
    with pytest.raises(NightdeskError) as error:
        BehavioralCloner().load_brain(brain)
    assert error.value.code == code
    assert not Path("exploded").exists()


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("left", 0, 0),
        ("left", 0, 10**6),
        ("right", 0, -5),
        ("right", 0, 0),
        ("feature", 0, 99),
        ("feature", 0, -2),
        ("threshold", 0, np.nan),
        ("threshold", 0, np.inf),
        ("value", 0, 0.9),
        ("value", 0, -1.0),
        ("value", 0, np.nan),
        ("roots", 0, 1),
        ("roots", 1, 0),
        ("roots", 2, 10**6),
    ],
)
def test_nodes_that_would_lead_the_kernel_astray_are_refused(folder: Path, name: str, place: int, value: float) -> None:
    forge_node(folder, name, place, value)
    assert refused(folder).code == "model.corrupt"


def test_nodes_of_another_type_or_shape_are_refused(folder: Path) -> None:
    tensors, _ = read_tensors(folder / "weights.safetensors")
    forge_tensors(folder, "weights.safetensors", left=tensors["left"].astype(np.int64))
    assert refused(folder).code == "model.corrupt"
    forge_tensors(folder, "weights.safetensors", left=tensors["left"][:-1])
    assert refused(folder).code == "model.corrupt"


@pytest.mark.parametrize("data", [pickle.dumps(Bomb()), b"", b"[]", b"{", b"{}", b'{"format": 2}', b"[" * 100_000])
def test_a_description_that_is_none_is_refused(folder: Path, data: bytes) -> None:
    forge(folder, "model.json", data)
    assert refused(folder).code in {"model.corrupt", "model.unsafe"}


def test_a_model_whose_decisions_have_changed_is_refused_with_bar_and_values(folder: Path) -> None:
    tensors, _ = read_tensors(folder / "golden.safetensors")
    confidence = tensors["signals/0/confidence"].copy()
    confidence[300] = np.nextafter(confidence[300], 0.0)
    forge_tensors(folder, "golden.safetensors", **{"signals/0/confidence": confidence})
    error = refused(folder)
    assert error.code == "model.golden_mismatch"
    assert "confidence" in error.message
    assert "golden bar 300" in error.message
    assert "1 of 512" in error.message
    assert error.detail["trained_with"] == error.detail["running"]


@pytest.mark.parametrize(
    "changed",
    [
        {"bars/0/values": np.zeros((511, 5))},
        {"bars/0/values": np.zeros((512, 4))},
        {"bars/0/values": np.zeros(512)},
        {"bars/0/values": np.zeros((512, 5))},
        {"bars/0/time": np.zeros(512, np.int64)},
        {"bars/0/time": np.zeros(512)},
        {"signals/0/position": np.full(512, 7.0)},
        {"signals/0/confidence": np.zeros(511)},
    ],
)
def test_golden_bars_that_are_none_are_refused(folder: Path, changed: dict[str, np.ndarray]) -> None:
    forge_tensors(folder, "golden.safetensors", **changed)
    assert refused(folder).code in {"model.corrupt", "bars.invalid"}


@pytest.fixture(scope="module")
def brain() -> BehavioralCloner:
    cloner = BehavioralCloner(BehavioralClonerConfig(n_estimators=2))
    cloner.fit(*labelled())
    return cloner


def test_a_pickled_forest_is_refused_with_the_way_to_convert_it(tmp_path: Path) -> None:
    joblib.dump({"model": Bomb()}, tmp_path / "my_model.pkl")
    with pytest.raises(NightdeskError, match="never read") as error:
        BehavioralCloner().load_brain(tmp_path / "my_model.pkl")
    assert error.value.code == "model.unsafe"
    assert "BehavioralCloner.from_sklearn(forest, feature_names)" in error.value.cure


def test_a_missing_brain_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.pkl", tmp_path):
        with pytest.raises(UsageError, match="There is no brain"):
            BehavioralCloner().load_brain(path)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "oracle"},
        {"format": 2},
        {"features": "close"},
        {"features": [1, 2, 3]},
        {"features": ["close"]},
        {"config": {"n_estimators": -1}},
        {"unknown": 1},
    ],
)
def test_a_brain_with_a_wrong_description_is_refused_and_the_cloner_stays(
    brain: BehavioralCloner, tmp_path: Path, change: dict[str, Any]
) -> None:
    brain.save_brain(tmp_path / "brain")
    tensors, metadata = read_tensors(tmp_path / "brain")
    (tmp_path / "brain").write_bytes(tensor_bytes(tensors, metadata | change))
    before = brain.predict_proba(labelled()[0])
    with pytest.raises(NightdeskError) as error:
        brain.load_brain(tmp_path / "brain")
    assert error.value.code == "model.corrupt"
    assert brain.predict_proba(labelled()[0]).tobytes() == before.tobytes()


def test_params_in_a_manifest_are_checked_before_anything_is_loaded(folder: Path) -> None:
    manifest_with(folder, params={"n_estimators": "many"})
    with pytest.raises(ConfigError, match="n_estimators"):
        load_artifact(folder)
