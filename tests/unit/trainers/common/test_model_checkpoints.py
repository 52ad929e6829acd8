"""The best checkpoints of any model are kept whole, with what is known of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_model, save_model

from config.errors import NightdeskError
from tests.support.models.trainings import agent_on, environment, weights
from trainers import ModelCheckpointer


class Number:
    """A model of one number, kept as JSON."""

    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(self.value))

    def load(self, path: Path) -> None:
        self.value = json.loads(path.read_text())


class Folder(Number):
    """The same in a folder of its own."""

    def save(self, path: Path) -> None:
        path.mkdir()
        super().save(path / "value.json")

    def load(self, path: Path) -> None:
        super().load(path / "value.json")


class Network(torch.nn.Linear):
    def save(self, path: Path) -> None:
        save_model(self, str(path))

    def load(self, path: Path) -> None:
        load_model(self, str(path))


class Pickled(torch.nn.Linear):
    def save(self, path: Path) -> None:
        torch.save(self.state_dict(), path)


def test_the_best_are_kept_and_the_best_of_them_is_loaded(tmp_path: Path) -> None:
    checkpointer = ModelCheckpointer(tmp_path, keep=2)
    paths = [checkpointer.save(Number(loss), loss, {"epoch": epoch}) for epoch, loss in enumerate((3.0, 1.0, 2.0, 4.0))]
    assert [path is not None for path in paths] == [True, True, True, False]
    assert [checkpointer.metric(path) for path in checkpointer.ranked()] == [1.0, 2.0]
    assert checkpointer.best_path() == paths[1]
    model = Number()
    assert checkpointer.load_best(model) == {"epoch": 1}
    assert model.value == 1.0


def test_with_mode_max_higher_is_better_and_the_older_of_equals_stays(tmp_path: Path) -> None:
    checkpointer = ModelCheckpointer(tmp_path, mode="max", keep=1)
    first = checkpointer.save(Number(0.5), 0.5)
    assert checkpointer.save(Number(0.5), 0.5) is None
    assert checkpointer.best_path() == first
    better = checkpointer.save(Number(0.7), 0.7)
    assert checkpointer.ranked() == [better]


@pytest.mark.parametrize("kind", [Number, Folder])
def test_models_are_files_or_folders(kind: type[Number], tmp_path: Path) -> None:
    ModelCheckpointer(tmp_path).save(kind(7.0), 1.0)
    model = kind()
    assert ModelCheckpointer(tmp_path).load_best(model) == {}
    assert model.value == 7.0


def test_networks_and_agents_are_models(tmp_path: Path) -> None:
    network, other = Network(3, 2), Network(3, 2)
    checkpointer = ModelCheckpointer(tmp_path / "network")
    checkpointer.save(network, 1.0)
    checkpointer.load_best(other)
    assert torch.equal(network.weight, other.weight)
    env = environment()
    agent, fresh = agent_on(env), agent_on(env)
    agent.train(env, 64, seed=1)
    checkpointer = ModelCheckpointer(tmp_path / "agent")
    checkpointer.save(agent, 1.0)
    checkpointer.load_best(fresh)
    assert weights(fresh) == weights(agent)


def test_what_could_run_when_it_is_read_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(NightdeskError, match="pickle") as caught:
        ModelCheckpointer(tmp_path).save(Pickled(2, 2), 1.0)
    assert caught.value.code == "model.unsafe"
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_cannot_be_saved_leaves_nothing(tmp_path: Path) -> None:
    class Failing(Number):
        def save(self, path: Path) -> None:
            path.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        ModelCheckpointer(tmp_path).save(Failing(), 1.0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("spoil", ["change", "add", "remove", "replace"])
def test_files_that_are_not_what_was_saved_are_not_loaded(spoil: str, tmp_path: Path) -> None:
    path = ModelCheckpointer(tmp_path).save(Number(7.0), 1.0)
    if spoil == "change":
        (path / "model").write_text("8.0")
    elif spoil == "add":
        (path / "more").touch()
    elif spoil == "remove":
        (path / "model").unlink()
    else:
        (path / "model").write_bytes(b"\x80\x04K\x07.")
    model = Number()
    with pytest.raises(NightdeskError) as caught:
        ModelCheckpointer(tmp_path).load_best(model)
    assert caught.value.code in {"model.corrupt", "model.unsafe"}
    assert model.value == 0.0


def test_a_checkpoint_without_a_metric_is_corrupt(tmp_path: Path) -> None:
    path = ModelCheckpointer(tmp_path).save(Number(7.0), 1.0)
    (path / "metadata.json").write_text("{}")
    with pytest.raises(NightdeskError, match="no metric"):
        ModelCheckpointer(tmp_path).best_path()


def test_bad_wishes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for options in ({"keep": 0}, {"mode": "best"}):
        with pytest.raises(NightdeskError):
            ModelCheckpointer(tmp_path, **options)
    with pytest.raises(NightdeskError, match="cannot be written"):
        ModelCheckpointer(tmp_path / "file" / "folder")
    with pytest.raises(NightdeskError, match="nan"):
        ModelCheckpointer(tmp_path).save(Number(), float("nan"))
    with pytest.raises(NightdeskError, match="no checkpoint"):
        ModelCheckpointer(tmp_path).load_best(Number())
