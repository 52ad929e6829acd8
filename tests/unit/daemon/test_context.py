"""What one run does otherwise than the settings."""

from __future__ import annotations

import pytest

from config.errors import UsageError
from config.settings import Settings
from daemon.context import with_options
from daemon.domain.options import RunOptions

SETTINGS = Settings.model_validate(
    {
        "model_types": ["ppo"],
        "model_params": {"ppo": {"seeds": 2, "agent": {"gamma": 0.9, "hidden_dim": 64}}, "sac": {"seeds": 3}},
    }
)


def test_params_of_one_run_lie_over_those_of_the_settings_key_by_key() -> None:
    options = RunOptions(model_params={"ppo": {"agent": {"hidden_dim": 32}}, "a2c": {"seeds": 1}})
    assert with_options(SETTINGS, options).model_params == {
        "ppo": {"seeds": 2, "agent": {"gamma": 0.9, "hidden_dim": 32}},
        "sac": {"seeds": 3},
        "a2c": {"seeds": 1},
    }
    assert SETTINGS.model_params["ppo"]["agent"]["hidden_dim"] == 64


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"ppo": {"agent": {"hidden_dim": 0}}}, "agent.hidden_dim"),
        ({"ppo": {"nothing": 0}}, "nothing"),
        ({"deepest": {}}, "deepest"),
        ({"ppo": 3}, "model_params/ppo"),
    ],
)
def test_params_that_a_model_type_refuses_are_a_usage_error(params: object, named: str) -> None:
    with pytest.raises(UsageError, match=named) as refused:
        with_options(SETTINGS, RunOptions.of(model_params=params))
    assert refused.value.exit_code == 2
    assert refused.value.cure


def test_steps_of_one_run_win_over_the_params_of_the_settings() -> None:
    params = {"ppo": {"total_timesteps": 300_000}, "sac": {"total_timesteps": 300_000}}
    settings = Settings.model_validate({"model_types": ["ppo", "behavioral_cloner"], "model_params": params})
    changed = with_options(settings, RunOptions(steps=5_000))
    assert changed.training_params.steps == 5_000
    assert changed.model_params == {"ppo": {"total_timesteps": 5_000}, "sac": {"total_timesteps": 300_000}}
    other = with_options(settings, RunOptions(steps=5_000, model_types=["sac"]))
    assert other.model_params == {"ppo": {"total_timesteps": 300_000}, "sac": {"total_timesteps": 5_000}}
    both = RunOptions(steps=5_000, model_params={"ppo": {"total_timesteps": 6_000}})
    assert with_options(settings, both).model_params["ppo"] == {"total_timesteps": 6_000}
