"""The configs that make agents, environments, trainings and cloners behave as dataclasses, and check every value."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from config.dataclass_section import DataclassSection
from trainers.cloning.behavioral.config import BehavioralClonerConfig
from trainers.rl.agents.specs import AGENTS
from trainers.rl.environments.config import TradingEnvConfig
from trainers.rl.training.config import RLTrainingConfig

CLASSES: list[type[DataclassSection]] = [
    *(spec.config for spec in AGENTS.values()),
    TradingEnvConfig,
    RLTrainingConfig,
    BehavioralClonerConfig,
]
# One value that each class refuses.
WRONG: dict[str, dict[str, Any]] = {
    "TradingEnvConfig": {"commission": 1.0},
    "RLTrainingConfig": {"total_episodes": 0},
    "BehavioralClonerConfig": {"test_size": 1.0},
}

every_class = pytest.mark.parametrize("config", CLASSES, ids=lambda config: config.__name__)


def changed(config: type[DataclassSection], seed: int) -> dict[str, Any]:
    """Every field with a value that the class takes: numbers moved a little, the rest as it is by default."""
    random = np.random.default_rng(seed)

    def moved(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value
        return value + int(random.integers(3)) if isinstance(value, int) else value * float(random.uniform(0.5, 1.0))

    return {name: moved(value) for name, value in dict(config()).items()}


@every_class
@pytest.mark.parametrize("seed", range(5))
def test_values_by_position_are_those_by_name(config: type[DataclassSection], seed: int) -> None:
    values = changed(config, seed)
    names = [field.name for field in dataclasses.fields(config)]
    assert sorted(names) == sorted(values)
    by_name = config(**values)
    assert config(*(values[name] for name in names)) == by_name
    half = len(names) // 2
    assert config(*(values[name] for name in names[:half]), **{name: values[name] for name in names[half:]}) == by_name


@every_class
@pytest.mark.parametrize("seed", range(5))
def test_a_config_is_the_same_after_asdict_and_after_json(config: type[DataclassSection], seed: int) -> None:
    section = config(**changed(config, seed))
    assert config(**dataclasses.asdict(section)) == section
    assert config.model_validate(json.loads(json.dumps(section.model_dump(mode="json")))) == section
    assert hash(section) == hash(config(**dataclasses.asdict(section)))


@every_class
def test_replace_changes_one_field_of_a_copy(config: type[DataclassSection]) -> None:
    first = config()
    for name, value in changed(config, 1).items():
        other = dataclasses.replace(first, **{name: value})
        assert dataclasses.asdict(other) == dataclasses.asdict(first) | {name: value}
    assert first == config()


@every_class
def test_the_fields_carry_their_defaults(config: type[DataclassSection]) -> None:
    assert {field.name: field.default for field in dataclasses.fields(config)} == dict(config())


@every_class
def test_a_wrong_value_is_refused_however_it_is_given(config: type[DataclassSection]) -> None:
    wrong = WRONG.get(config.__name__, {"gamma": 2.0})
    name = next(iter(wrong))
    by_position = changed(config, 0) | wrong
    for make in (
        lambda: config(**wrong),
        lambda: config(*(by_position[field.name] for field in dataclasses.fields(config))),
        lambda: dataclasses.replace(config(), **wrong),
        lambda: config.model_validate(wrong),
    ):
        with pytest.raises(ValidationError) as refused:
            make()
        assert refused.value.errors()[0]["loc"] == (name,)
        assert refused.value.errors()[0]["input"] == wrong[name]


@every_class
def test_an_unknown_name_is_refused(config: type[DataclassSection]) -> None:
    for make in (
        lambda: config(nothing=1),
        lambda: dataclasses.replace(config(), nothing=1),
        lambda: config.model_validate({"nothing": 1}),
    ):
        with pytest.raises(ValidationError, match="nothing"):
            make()


@every_class
def test_more_values_than_fields_and_a_field_given_twice_are_refused_by_name(config: type[DataclassSection]) -> None:
    fields = dataclasses.fields(config)
    with pytest.raises(TypeError, match=f"{config.__name__} has {len(fields)} fields, and {len(fields) + 1} values"):
        config(*range(len(fields) + 1))
    first = fields[0].name
    with pytest.raises(TypeError, match=f"two values for {first}"):
        config(1, **{first: 2})


def test_the_first_fields_stand_in_the_order_of_the_documents_that_promise_them() -> None:
    promised = {
        BehavioralClonerConfig: [
            "n_estimators",
            "max_depth",
            "min_samples_split",
            "min_samples_leaf",
            "random_state",
            "test_size",
            "class_weight",
        ],
        TradingEnvConfig: ["initial_balance", "window_size", "commission"],
        RLTrainingConfig: ["total_episodes", "eval_frequency", "batch_size"],
        **{spec.config: ["hidden_dim", "learning_rate", "gamma"] for spec in AGENTS.values()},
    }
    for config, names in promised.items():
        assert [field.name for field in dataclasses.fields(config)][: len(names)] == names


def test_a_config_within_a_section_is_checked_by_its_place() -> None:
    class Outer(DataclassSection):
        environment: TradingEnvConfig = TradingEnvConfig()

    assert dataclasses.asdict(Outer())["environment"]["window_size"] == 20
    with pytest.raises(ValidationError) as refused:
        Outer.model_validate({"environment": {"window_size": 0, "nothing": 1}})
    assert {error["loc"] for error in refused.value.errors()} == {
        ("environment", "window_size"),
        ("environment", "nothing"),
    }
