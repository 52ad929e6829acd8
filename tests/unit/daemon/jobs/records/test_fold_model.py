"""The model of a fold is stored whole: it decides the bars of the next night as it would have decided them at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from pandas.testing import assert_series_equal

from config.errors import NightdeskError
from daemon.jobs.records.fold_model import ARTIFACT, FoldModel, load_fold_model
from tests.support.models.examples import example, facts_of, trained
from trainers import registry
from trainers.members import TrainedMember, TrainedModel

MADE_OF_OTHERS = [name for name in registry.names() if registry.needs(name).members]


def fold_model(name: str) -> FoldModel:
    task = example(name).task
    members = {member: TrainedMember(trained(member), example(member).task) for member in registry.needs(name).members}
    assert members or name not in MADE_OF_OTHERS
    return FoldModel(TrainedModel(trained(name), members), facts_of(task, name))


@pytest.mark.parametrize("name", ["behavioral_cloner", *MADE_OF_OTHERS])
def test_it_decides_the_same_after_a_night_members_and_all(name: str, tmp_path: Path) -> None:
    model, unseen = fold_model(name), example(name).unseen
    model.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [ARTIFACT]
    before, after = model.decide(unseen), load_fold_model(tmp_path).decide(unseen)
    assert before.keys() == after.keys()
    for symbol in before:
        assert_series_equal(before[symbol].position, after[symbol].position, check_exact=True)
        assert_series_equal(before[symbol].confidence, after[symbol].confidence, check_exact=True)
        assert before[symbol].remark == after[symbol].remark


def test_one_whose_file_was_changed_is_refused_so_that_its_fold_is_computed_anew(tmp_path: Path) -> None:
    fold_model("behavioral_cloner").save(tmp_path)
    weights = tmp_path / ARTIFACT / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\xff")
    with pytest.raises(NightdeskError, match="was changed"):
        load_fold_model(tmp_path)
