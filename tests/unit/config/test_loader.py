from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import ConfigError, load_settings
from config.loader import MAX_BYTES, MAX_MISTAKES, parse_settings


def refused(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse_settings("desk.json", text)
    assert caught.value.exit_code == 4
    return caught.value


@pytest.mark.parametrize(
    ("text", "message", "cure"),
    [
        (
            '{\n  "symbols": ["AAPL", "../x"]\n}',
            'desk.json, line 2, column 23: /symbols/1 is "../x": must be a symbol such as AAPL, BTC-USD or ^GSPC.',
            "Correct /symbols/1.",
        ),
        (
            '{"symbols": []}',
            "desk.json, line 1, column 2: /symbols should have at least one item.",
            "Correct /symbols.",
        ),
        (
            '{"symbols": "AAPL"}',
            'desk.json, line 1, column 2: /symbols is "AAPL": should be a list, as in [...].',
            "Correct /symbols.",
        ),
        (
            '{"symbols": ["A", "B", "A"]}',
            "desk.json, line 1, column 2: /symbols names A more than once.",
            "Correct /symbols.",
        ),
        (
            '{"training_schedule": {"daily_at": "2am"}}',
            'desk.json, line 1, column 24: /training_schedule/daily_at is "2am": must be a time of day such as 02:00.',
            "Correct /training_schedule/daily_at.",
        ),
        (
            '{"training_params": {"steps": 1000.5}}',
            "desk.json, line 1, column 22: /training_params/steps is 1000.5: should be a whole number.",
            "Correct /training_params/steps.",
        ),
        (
            '{"training_params": {"steps": 0}}',
            "desk.json, line 1, column 22: /training_params/steps is 0: should be greater than or equal to 1.",
            "Correct /training_params/steps.",
        ),
        (
            '{"limits": {"task_timeout": 30}}',
            'desk.json, line 1, column 13: /limits/task_timeout is 30: should be a duration, such as "30s" or "6h".',
            "Correct /limits/task_timeout.",
        ),
        (
            '{"api": true}',
            "desk.json, line 1, column 2: /api is true: should be an object, as in {...}.",
            "Correct /api.",
        ),
        (
            '{"jobs": {"backup": {"at": "01:00", "every": "1h"}}}',
            "desk.json, line 1, column 11: /jobs/backup has more than one of at, cron, every; keep one.",
            "Correct /jobs/backup.",
        ),
    ],
)
def test_a_mistake_is_reported_once_with_place_pointer_value_and_cure(text, message, cure):
    error = refused(text)
    assert (error.code, error.message, error.cure) == ("config.invalid", message, cure)
    assert len(error.detail["mistakes"]) == 1


@pytest.mark.parametrize(
    ("text", "pointer", "cure"),
    [
        ('{"symbol": ["AAPL"]}', "/symbol", "Did you mean 'symbols'?"),
        ('{"training_schedule": {"daily": "02:00"}}', "/training_schedule/daily", "Did you mean 'daily_at'?"),
        ('{"jobs": {"traning": {"at": "02:00"}}}', "/jobs/traning", "Did you mean 'training'?"),
        ('{"jobs": {"training": {"evry": "1h"}}}', "/jobs/training/evry", "Did you mean 'every'?"),
        ('{"sources": {"yahoo": {"base-url": "x"}}}', "/sources/yahoo/base-url", "Did you mean 'base_url'?"),
        (
            '{"notifications": {"webhook": {"url": "http://a", "secret": "env:A", "alow_private": true}}}',
            "/notifications/webhook/alow_private",
            "Did you mean 'allow_private'?",
        ),
        ('{"database": {"zzz": 1}}', "/database/zzz", "Remove 'zzz'; known here: url."),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(text, pointer, cure):
    error = refused(text)
    assert f"{pointer} is not a known key." in error.message
    assert error.cure == cure


def test_all_mistakes_are_reported_at_once():
    error = refused('{"symbol": [],\n "api": {"port": 99999},\n "time_zone": "Mars/Olympus"}')
    assert [mistake.split(":")[0] for mistake in error.detail["mistakes"]] == [
        "line 3, column 2",
        "line 2, column 10",
        "line 1, column 2",
    ]


def test_of_many_mistakes_the_first_are_listed_and_the_others_counted():
    error = refused(json.dumps({"symbols": [f"/{number}" for number in range(50_000)]}))
    assert len(error.detail["mistakes"]) == MAX_MISTAKES + 1
    assert error.detail["mistakes"][-1] == f"There are {50_000 - MAX_MISTAKES} other mistakes."


def test_of_many_repeated_symbols_the_first_are_named():
    error = refused(json.dumps({"symbols": [f"S{number}" for number in range(20_000)] * 2}))
    assert "names S0, S1, S10, S100, S1000, S10000, S10001, S10002, S10003, S10004 and others more" in error.message


def test_the_value_of_a_whole_object_is_not_shown_because_it_may_hold_secrets():
    error = refused('{"notifications": {"enabled": true, "slack_webhook": "env:SLACK", "email": "file:/private"}}')
    assert "private" not in str(error)
    assert "email cannot be delivered by this version" in error.message


@pytest.mark.parametrize("section", ["database", "notifications", "sources", "api", "executor", "jobs"])
def test_a_text_in_the_place_of_a_section_is_not_shown_because_it_may_be_a_secret(section):
    error = refused(json.dumps({section: "postgresql://desk:hunter2@host/desk"}))
    assert f"/{section} should be an object" in error.message
    assert "hunter2" not in str(error)


@pytest.mark.parametrize("number", [str(2**63), str(-(2**63) - 1), "1e999", "9" * 3000])
def test_a_number_beyond_64_bits_is_refused_with_its_line_and_its_key(number):
    error = refused(f'{{"training_params":\n {{"seed": {number}}}}}')
    assert error.message == "desk.json, line 2, column 11: the number at /training_params/seed is too large."


def test_a_long_value_is_cut():
    assert len(refused(json.dumps({"time_zone": "x" * 10_000})).message) < 300


@pytest.mark.parametrize("text", ["[]", "null", "3", '"AAPL"'])
def test_a_config_is_an_object(text):
    assert "the config must be a JSON object" in refused(text).message


@given(st.binary(max_size=200))
def test_arbitrary_bytes_give_settings_or_a_config_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "bytes.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError):
        load_settings(path)


def test_a_missing_config_names_the_file_and_the_command_that_makes_one(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"There is no config file .*absent\.json") as caught:
        load_settings(tmp_path / "absent.json")
    assert caught.value.code == "config.missing"
    assert "nightdesk init" in caught.value.cure


def test_a_folder_or_an_unreadable_file_is_no_config(tmp_path: Path):
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        load_settings(tmp_path)
    assert caught.value.code == "config.unreadable"


def test_a_file_without_an_end_is_not_read_whole():
    with pytest.raises(ConfigError, match=f"zero is larger than {MAX_BYTES} bytes"):
        load_settings(Path("/dev/zero"))


def test_a_byte_order_mark_does_no_harm(tmp_path: Path):
    path = tmp_path / "bom.json"
    path.write_bytes(b'\xef\xbb\xbf{"symbols": ["AAPL"]}')
    assert load_settings(path).symbols == ("AAPL",)


def test_a_text_that_is_not_utf8_is_refused_with_the_place_of_the_byte(tmp_path: Path):
    path = tmp_path / "latin.json"
    path.write_bytes(b'{"symbols": ["\xff"]}')
    with pytest.raises(ConfigError, match=r"not UTF-8 text \(byte 14\)"):
        load_settings(path)


def test_without_a_file_the_defaults_apply(monkeypatch):
    monkeypatch.chdir(os.sep)
    settings = load_settings()
    assert settings.model_types == ("behavioral_cloner",)
    assert settings.sources.expert_logs.when_missing == "sample"
