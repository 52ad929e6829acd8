from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from config import Settings, load_settings
from config.loader import parse_settings
from tests.support.settings import settings

GOLDEN = Path(__file__).parents[2] / "golden" / "training_config.json"


def test_the_training_config_of_the_seed_loads_unchanged_with_its_values():
    loaded = load_settings(GOLDEN)
    assert loaded.symbols == ("AAPL", "GOOGL", "MSFT", "TSLA")
    assert loaded.model_types == ("deepscalper",)
    assert loaded.job_schedule("training").at == "02:00"
    assert loaded.job_schedule("data_update").at == "01:30"
    assert loaded.job_schedule("evaluation").at == "03:00"
    params = loaded.training_params
    assert (params.steps, params.episodes, params.iterations, params.lookback_days) == (10_000, 200, 1, 365)
    assert (loaded.monitoring.min_sharpe_ratio, loaded.monitoring.max_drawdown_threshold) == (0.5, -25.0)


def test_the_sections_that_seeds_add_load_with_their_values():
    loaded = settings(
        **json.loads(GOLDEN.read_text()),
        data_params={"interval": "1h"},
        performance_check_frequency="daily",
        notifications={"enabled": False, "email": "env:ADDRESS", "slack_webhook": "file:/run/slack"},
    )
    assert loaded.data_params.interval == "1h"
    assert loaded.job_schedule("performance_check").every == timedelta(days=1)
    assert loaded.notifications.email == "env:ADDRESS"


HOOK = {"kind": "webhook", "url": "https://example.org/hook", "secret": "env:HOOK"}
OLDER = {"url": "https://example.org/older", "secret": "file:/run/older"}


def sections(model: BaseModel):
    yield model
    for name in type(model).model_fields:
        if isinstance(value := getattr(model, name), BaseModel):
            yield from sections(value)


def test_every_section_is_frozen_and_refuses_unknown_keys():
    for section in sections(Settings()):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(section, next(iter(type(section).model_fields)), None)
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            type(section).model_validate({**section.model_dump(), "surprise": 1})


FULL = {
    "symbols": ["BTC-USD", "^GSPC"],
    "jobs": {"training": {"cron": "0 2 * * mon-fri"}, "backup": {"every": "6h"}, "signals": {"enabled": False}},
    "performance_check_frequency": "hourly",
    "model_params": {"behavioral_cloner": {"n_estimators": 50, "features": ["rsi", "ema"]}},
    "notifications": {"enabled": True, "webhook": OLDER, "channels": [{**HOOK, "name": "on-call"}]},
    "executor": {"workers": 3},
    "limits": {"task_timeout": "90s", "stop_grace": "0.25s"},
    "api": {"allowed_hosts": ["desk.example.org"]},
}


@pytest.mark.parametrize("choices", [{}, FULL], ids=["defaults", "everything"])
def test_settings_cross_to_a_worker_and_back_as_json(choices):
    before = settings(**choices)
    after = Settings.model_validate_json(before.model_dump_json())
    assert after == before
    assert after.fingerprint() == before.fingerprint()


def test_the_fingerprint_does_not_see_layout_or_the_order_of_keys():
    def scrambled(value):
        return {key: scrambled(value[key]) for key in reversed(value)} if isinstance(value, dict) else value

    text = json.dumps(scrambled(FULL), indent=7)
    assert parse_settings("other.json", text).fingerprint() == settings(**FULL).fingerprint()


@pytest.mark.parametrize(
    "change",
    [
        {"symbols": ["AAPL"]},
        {"training_params": {"seed": 43}},
        {"jobs": {"backup": {"enabled": False}}},
        {"model_params": {"behavioral_cloner": {"n_estimators": 51}}},
    ],
)
def test_the_fingerprint_sees_every_change_of_meaning(change):
    assert settings(**change).fingerprint() != Settings().fingerprint()


def test_a_default_written_out_means_the_same_as_one_left_out():
    assert settings(training_params={"steps": 100_000}, costs={"initial_cash": 100_000}).fingerprint() == (
        Settings().fingerprint()
    )
