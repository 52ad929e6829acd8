"""Members are trained on the task of the model they are part of, with params of their own, and travel with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import pytest

from config.errors import NightdeskError
from config.section import Section
from tests.support.models.small_types import CommitteeModel, CommitteeType, Lookback, UniverseModel, UniverseType
from tests.support.models.small_types import universe as universe_inputs
from trainers import ArtifactFacts, TrainingContext, TrainingTask, load_artifact, manifest_sha256, registry
from trainers.members import save_with_members, train_with_members
from trainers.needs import Needs


class PairParams(Section):
    """The params of a model of two members, one of which has its own."""

    small_universe: Lookback = Lookback()


class PairType(CommitteeType):
    """Made of a member that learns and one that cannot."""

    name = "pair"
    params = PairParams
    needs = Needs(scope="universe", members=("small_universe", "failing"), min_bars=50)


class FailingType(UniverseType):
    """Cannot be trained."""

    name = "failing"

    def train(self, task: TrainingTask, context: TrainingContext) -> UniverseModel:
        raise NightdeskError("failing.always", f"{task.subject} cannot be learned.", "Use another model type.")


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    entries = {
        kind.name: registry._Entry("", f"{__name__}:{kind.params.__name__}", f"{__name__}:{kind.__name__}", kind.needs)
        for kind in (PairType, FailingType, UniverseType)
    }
    with patch.dict(registry._REGISTERED, entries):
        yield


def _task(lookback: int = 5) -> TrainingTask:
    inputs = universe_inputs()
    first, last = inputs.times[0].to_pydatetime(), inputs.times[-1].to_pydatetime()
    return TrainingTask(inputs, first, last, "test", PairParams(small_universe=Lookback(lookback=lookback)))


def _facts(task: TrainingTask) -> ArtifactFacts:
    return ArtifactFacts(
        model_type="pair", version="v1", params=task.params, inputs=task.inputs, dataset=task.inputs.dataset,
        provenance="test", train_start=task.train_start, train_end=task.train_end,
        trained_at=datetime(2024, 1, 2, tzinfo=UTC), settings_fingerprint="0" * 64, seed=42,
    )  # fmt: skip


def test_members_learn_with_their_own_params_and_one_that_cannot_is_missing() -> None:
    result = train_with_members("pair", _task(lookback=9), TrainingContext())
    assert result.members.keys() == {"small_universe"}
    member = result.members["small_universe"]
    assert member.task.params == Lookback(lookback=9)
    assert member.model == UniverseType().train(member.task, TrainingContext())
    assert isinstance(result.model, CommitteeModel)
    assert result.model.members == {"small_universe": member.model}


def test_members_are_saved_by_value_and_their_params_are_part_of_the_recipe(tmp_path: Path) -> None:
    recipes = []
    for lookback in (5, 9):
        task, folder = _task(lookback), tmp_path / f"model{lookback}"
        result = train_with_members("pair", task, TrainingContext())
        manifest = save_with_members(folder, result, _facts(task), tmp_path / f"members{lookback}")
        inside = folder / "members" / "small_universe"
        assert manifest.members == {"small_universe": manifest_sha256(inside)}
        assert load_artifact(inside).manifest.params == {"lookback": lookback}
        assert isinstance(loaded := load_artifact(folder).model, CommitteeModel)
        assert loaded.members == {"small_universe": result.members["small_universe"].model}
        recipes.append(manifest.recipe)
    assert recipes[0] != recipes[1]


def test_progress_goes_on_through_all_members_to_the_end() -> None:
    fractions: list[float] = []
    train_with_members("pair", _task(), TrainingContext(progress=lambda fraction, _: fractions.append(fraction)))
    assert fractions == [pytest.approx(1 / 3), 1.0]


def test_a_stop_that_was_asked_for_ends_the_whole_training() -> None:
    with pytest.raises(NightdeskError) as stopped:
        train_with_members("pair", _task(), TrainingContext(should_stop=lambda: True))
    assert stopped.value.code == "training.stopped"
