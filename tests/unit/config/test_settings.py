from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from config import Settings, load_settings
from config.loader import parse_settings
from config.settings import JOBS, Duration, Symbol

GOLDEN = Path(__file__).parents[2] / "golden" / "training_config.json"


def settings(**choices) -> Settings:
    return parse_settings("desk.json", json.dumps(choices))


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
        notifications={"enabled": False, "email": "me@example.org", "slack_webhook": "https://hooks.example/x"},
    )
    assert loaded.data_params.interval == "1h"
    assert loaded.job_schedule("performance_check").every == timedelta(days=1)
    assert loaded.notifications.email == "me@example.org"


@pytest.mark.parametrize("channel", [{"email": "me@example.org"}, {"slack_webhook": "https://hooks.example/x"}])
def test_a_channel_that_could_not_deliver_is_refused_once_it_is_enabled(channel):
    with pytest.raises(Exception, match="cannot be delivered by this version"):
        settings(notifications={"enabled": True, **channel})


HOOK = {"kind": "webhook", "url": "https://example.org/hook", "secret_env": "HOOK"}
OLDER = {"url": "https://example.org/older", "secret_env": "OLDER"}


def test_the_older_key_of_a_webhook_and_the_list_of_channels_say_the_same():
    older = settings(notifications={"enabled": True, "webhook": OLDER}).notifications
    listed = settings(notifications={"enabled": True, "channels": [{"kind": "webhook", **OLDER}]}).notifications
    assert older.active == listed.active
    assert older.channel_names == listed.channel_names == ("log", "webhook")


def test_channels_go_by_their_names_and_only_while_notifications_are_enabled():
    choices = {"webhook": OLDER, "channels": [{**HOOK, "name": "on-call"}]}
    on, off = (settings(notifications={"enabled": enabled, **choices}) for enabled in (True, False))
    assert on.notifications.channel_names == ("log", "webhook", "on-call")
    assert off.notifications.channel_names == ("log",)
    assert {"HOOK", "OLDER"} <= on.secret_variables() & off.secret_variables()


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ([HOOK, HOOK], "more than one channel called webhook; give each a name"),
        ([{**HOOK, "name": "log"}], r"/notifications/channels/0/name is \"log\": must be a short name"),
        ([{**HOOK, "kind": "pigeon"}], r"/notifications/channels/0/kind is \"pigeon\": should be \"webhook\""),
        ([{**HOOK, "kind": None}], "/notifications/channels/0 has no kind"),
        ([{**HOOK, "kind": ["webhook"]}], "/notifications/channels/0/kind should be"),
        ([OLDER], "/notifications/channels/0 has no kind"),
        (
            [{"kind": "webhook", "url": "https://example.org"}],
            "/notifications/channels/0 needs secret_env or secret_file",
        ),
        ([{"kind": "webhook", "secret_env": "HOOK"}], "/notifications/channels/0/url Field required"),
        ([{**HOOK, "secret_evn": "HOOK"}], "/notifications/channels/0/secret_evn is not a known key"),
        (["https://example.org"], "/notifications/channels/0 is .*should be an object"),
        (HOOK, "/notifications/channels should be a list"),
    ],
)
def test_a_wrong_channel_is_refused_with_its_place(channels, message):
    with pytest.raises(Exception, match=message):
        settings(notifications={"channels": channels})


@pytest.mark.parametrize(
    ("executor", "message"),
    [
        ({"kind": "moon"}, r"/executor/kind is \"moon\": should be \"local\""),
        ({"workers": 0}, "/executor/workers is 0"),
        ({"kind": "local", "worker": 2}, "/executor/worker is not a known key"),
        (2, "/executor is 2: should be an object"),
    ],
)
def test_a_wrong_executor_is_refused_with_its_place(executor, message):
    with pytest.raises(Exception, match=message):
        settings(executor=executor)


def test_an_executor_without_a_kind_is_local():
    assert settings(executor={"workers": 3}).executor == settings(executor={"kind": "local", "workers": 3}).executor


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


@given(st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=1000)))
def test_a_duration_survives_being_written_as_text(value):
    adapter = TypeAdapter(Duration)
    assert adapter.validate_json(adapter.dump_json(value)) == value


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("30s", timedelta(seconds=30)),
        ("1.5h", timedelta(minutes=90)),
        ("7 d", timedelta(days=7)),
        ("weekly", timedelta(days=7)),
    ],
)
def test_durations_are_written_as_people_write_them(text, meaning):
    assert settings(limits={"task_timeout": text}).limits.task_timeout == meaning


@pytest.mark.parametrize(
    "text", ["", "0s", "-5s", "5", "five minutes", "PT5M", "99999999999999d", "1001d", "monthly", "1e5s"]
)
def test_a_text_that_is_no_duration_is_refused(text):
    with pytest.raises(Exception, match="/limits/task_timeout is"):
        settings(limits={"task_timeout": text})


@pytest.mark.parametrize(
    ("choices", "place"),
    [
        ({"jobs": {"backup": {"every": "0.001s"}}}, "/jobs/backup/every"),
        ({"performance_check_frequency": "0.9s"}, "/performance_check_frequency"),
    ],
)
def test_a_job_that_would_come_many_times_a_second_is_refused(choices, place):
    with pytest.raises(Exception, match=f"{place} is .*: must be 1s or longer"):
        settings(**choices)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_password_in_the_config_is_refused_and_not_repeated(scheme):
    with pytest.raises(Exception, match="name url_env or url_file") as refused:
        settings(database={"url": f"{scheme}://desk:hunter2@db.example.org/desk"})
    assert "hunter2" not in str(refused.value)
    assert settings(database={"url": f"{scheme}://desk@db.example.org:5432/desk"}).database.url


@pytest.mark.parametrize("cron", ["0 2 * * *", "*/5 1-3 1,15 jan-mar mon-fri", "30 4 * * sun"])
def test_a_cron_line_has_five_fields(cron):
    assert settings(jobs={"training": {"cron": cron}}).job_schedule("training").cron == cron


@pytest.mark.parametrize(
    ("cron", "complaint"),
    [
        ("0 2 * *", "must be five cron fields"),
        ("0 2 * * * *", "must be five cron fields"),
        ("0 2 * * $(reboot)", "must be five cron fields"),
        ("0 2 * * 1-5", "must name its weekdays"),
    ],
)
def test_a_cron_line_that_could_be_misread_is_refused(cron, complaint):
    with pytest.raises(Exception, match=complaint):
        settings(jobs={"training": {"cron": cron}})


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


def test_jobs_of_the_night_without_a_time_of_their_own_follow_their_forerunner():
    assert settings().downstream_jobs("evaluation") == ("signals", "performance_check", "backup")
    assert settings().downstream_jobs("training") == ()
    assert settings(jobs={"training": {}, "evaluation": {}}).downstream_jobs("data_update") == (
        "training",
        "evaluation",
        "signals",
        "performance_check",
        "backup",
    )
    assert settings(jobs={"signals": {"enabled": False}}).downstream_jobs("evaluation") == (
        "performance_check",
        "backup",
    )
    assert settings().downstream_jobs("maintenance") == ()


def test_every_job_has_a_schedule():
    untimed = {job for job in JOBS if not Settings().job_schedule(job).timed}
    assert untimed == {"signals", "performance_check", "backup", "walk_forward"}


@pytest.mark.parametrize("symbol", ["AAPL", "BRK.B", "BTC-USD", "^GSPC", "EURUSD=X", "7203.T"])
def test_symbols_as_markets_write_them_are_welcome(symbol):
    assert TypeAdapter(Symbol).validate_python(symbol) == symbol


@pytest.mark.parametrize("symbol", ["", ".", "..", "A/B", "A\\B", "-x", "A..B", "A" * 33, "A\n", "quarantine", "a b"])
def test_symbols_that_could_not_name_a_folder_are_refused(symbol):
    with pytest.raises(ValidationError):
        TypeAdapter(Symbol).validate_python(symbol)


@pytest.mark.parametrize("symbol", ["universe", "Universe", "QUARANTINE", "trader-0x6031", "Trader-X"])
def test_a_symbol_that_would_share_a_folder_is_refused_with_a_cure(symbol):
    with pytest.raises(ValidationError, match="under another name"):
        TypeAdapter(Symbol).validate_python(symbol)


def test_traders_are_named_by_their_addresses():
    assert Settings(traders=["0x6031", "0x" + "aB" * 20]).traders == ("0x6031", "0x" + "aB" * 20)


@pytest.mark.parametrize("address", ["6031", "0x", "0xG", "trader:0x6031", "0x" + "a" * 41, "0x6031/..", "0x6031\n"])
def test_a_text_that_is_no_address_of_a_trader_is_refused(address):
    with pytest.raises(ValidationError, match="such as 0x6031"):
        Settings(traders=[address])


def test_a_trader_is_named_once():
    with pytest.raises(ValidationError, match="names 0x6031 more than once"):
        Settings(traders=["0x6031", "0x6031"])


@pytest.mark.parametrize(
    ("webhook", "complaint"),
    [
        ({"url": "ftp://example.org", "secret_env": "A"}, "url must begin with http"),
        ({"url": "https://", "secret_env": "A"}, "url must begin with http"),
        ({"url": "https://example.org"}, "needs secret_env or secret_file"),
    ],
)
def test_a_webhook_names_a_host_and_where_its_secret_is(webhook, complaint):
    with pytest.raises(Exception, match=complaint):
        settings(notifications={"webhook": webhook})


def test_a_csv_source_names_its_folder():
    with pytest.raises(Exception, match="csv_folder must name a folder"):
        settings(sources={"bars": "csv"})
