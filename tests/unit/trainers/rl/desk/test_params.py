"""The params of agents: what a user writes, what the desk adds, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from config.errors import ConfigError
from config.settings import Settings
from daemon.context import check_settings
from tests.support.markets.easy import LEARNERS
from trainers import registry
from trainers.rl.desk.params import RLParams

DESK = Settings.model_validate(
    {
        "training_params": {"steps": 7_777},
        "costs": {
            "commission": 0.002,
            "slippage": 0.003,
            "borrow": 0.04,
            "commission_minimum": 5.0,
            "cash_interest": 0.01,
            "initial_cash": 5_000.0,
        },
    }
)


def params(name: str, values: dict[str, Any], settings: Settings | None = None) -> RLParams:
    validated = registry.validate_params(name, values, settings)
    assert isinstance(validated, RLParams)
    return validated


@pytest.mark.parametrize("name", LEARNERS)
def test_steps_and_costs_are_those_of_the_desk_unless_they_are_given(name: str) -> None:
    usual = params(name, {}, DESK)
    assert usual.total_timesteps == 7_777
    env = usual.environment
    assert (env.commission, env.slippage, env.borrow, env.commission_minimum) == (0.002, 0.003, 0.04, 5.0)
    assert (env.cash_interest, env.initial_balance) == (0.01, 5_000.0)
    own = params(name, {"total_timesteps": 8_000, "environment": {"commission": 0.0}}, DESK)
    assert (own.total_timesteps, own.environment.commission, own.environment.slippage) == (8_000, 0.0, 0.003)


@pytest.mark.parametrize("name", LEARNERS)
def test_what_a_manifest_keeps_of_them_is_read_as_it_was(name: str) -> None:
    validated = params(name, {"agent": {"hidden_dim": 8}, "seeds": 3}, DESK)
    assert params(name, json.loads(validated.model_dump_json())) == validated


@pytest.mark.parametrize(
    ("name", "usual", "refused"),
    [("dqn", "discrete", "continuous"), *((name, "continuous", "discrete") for name in ("sac", "td3", "ddpg"))],
)
def test_an_agent_is_not_asked_to_act_as_it_cannot(name: str, usual: str, refused: str) -> None:
    assert params(name, {}).environment.actions == usual
    with pytest.raises(ConfigError, match=f"must be {usual} for this agent"):
        params(name, {"environment": {"actions": refused}})


@pytest.mark.parametrize("name", ["ppo", "a2c"])
@pytest.mark.parametrize("actions", ["continuous", "discrete"])
def test_some_agents_can_act_either_way(name: str, actions: str) -> None:
    assert params(name, {"environment": {"actions": actions}}).environment.actions == actions


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"steps": 5}, "steps"),
        ({"agent": {"learning_speed": 1.0}}, "agent.learning_speed"),
        ({"agent": {"gamma": 2.0}}, "agent.gamma"),
        ({"agent": {"n_steps": 8}}, "agent.n_steps"),  # of ppo, not of sac
        ({"environment": {"window": 5}}, "environment.window"),
        ({"environment": 5}, "environment"),
        ({"environment": {"max_drawdown": float("nan")}}, "environment.max_drawdown"),
        ({"seeds": 0}, "seeds"),
        ({"validation": 1.0}, "validation"),
        ({"purge": 0}, "purge"),
        ({"evaluations": 0}, "evaluations"),
        ({"environments": 0}, "environments"),
        ({"total_timesteps": 1.5}, "total_timesteps"),
        ({"agent": {"hidden_dim": 10_000}}, "agent.hidden_dim"),
        ({"agent": {"buffer_size": 10**9}}, "agent.buffer_size"),
    ],
)
def test_what_is_wrong_is_refused_by_its_place(values: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError) as refused:
        params("sac", values, DESK)
    assert refused.value.code == "model_type.params"
    assert f"{named}: " in refused.value.message


def test_the_cure_names_what_is_known_where_the_mistake_was_made() -> None:
    with pytest.raises(ConfigError) as refused:
        params("sac", {"agent": {"hiden_dim": 64}}, DESK)
    assert refused.value.cure.startswith("Correct model_params.sac.agent; known params: batch_size, ")
    assert "hidden_dim" in refused.value.cure
    with pytest.raises(ConfigError) as refused:
        params("sac", {"sedes": 3}, DESK)
    assert refused.value.cure.startswith("Correct model_params.sac; known params: agent, ")


@pytest.mark.parametrize(
    ("name", "values", "first"),
    [
        ("ppo", {}, 2048),
        ("ppo", {"agent": {"n_steps": 8}, "environments": 64}, 64),
        ("a2c", {"environments": 4}, 20),
        ("sac", {}, 1001),
        ("dqn", {"agent": {"learning_starts": 100, "train_freq": 50}}, 400),
    ],
)
def test_a_training_too_short_to_learn_anything_is_refused(name: str, values: dict[str, Any], first: int) -> None:
    assert params(name, values | {"total_timesteps": first}).total_timesteps == first
    with pytest.raises(ConfigError, match=f"learns for the first time after {first} steps"):
        params(name, values | {"total_timesteps": first - 1})


def test_a_desk_whose_agents_could_not_learn_does_not_start() -> None:
    with pytest.raises(ConfigError, match=r"training_params.steps.* is 500"):
        check_settings(Settings.model_validate({"model_types": ["sac"], "training_params": {"steps": 500}}))
