"""What the doctor looks at, one complaint at a time."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta

import pytest

from config.secrets import TOKEN_VARIABLE
from config.settings import Api, ExpertLogs, Settings, Sources, YahooSource
from daemon.cli import checks
from daemon.cli.choices import Choices
from tests.support.desks.fake_desk import filled_desk


@pytest.fixture
def target(home, monkeypatch):
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    return Choices(home, None, json=False, verbose=0)


def test_a_damaged_database_is_found(target):
    assert checks.database(target, Settings(), None).finding == "none yet; the first start makes it"
    with filled_desk(target.home):
        pass
    assert checks.database(target, Settings(), None).state == "ok"
    content = bytearray(target.home.database.read_bytes())
    content[4096 : 4096 * 8] = b"\xff" * 4096 * 7
    target.home.database.write_bytes(content)
    check = checks.database(target, Settings(), None)
    assert check.state == "fail"
    assert check.cure


def test_a_port_in_use_is_found():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        check = checks.port(Settings(api=Api(port=listener.getsockname()[1])), None)
    assert check.state == "fail"
    assert "--port" in check.cure


def test_listening_to_others_needs_a_long_token(target, monkeypatch):
    open_to_all = Settings(api=Api(host="0.0.0.0"))
    assert checks.token(target, Settings()).state == "ok"
    assert checks.token(target, open_to_all).state == "fail"
    monkeypatch.setenv(TOKEN_VARIABLE, "short")
    assert checks.token(target, open_to_all).state == "fail"
    monkeypatch.setenv(TOKEN_VARIABLE, "0123456789abcdef" * 2)
    assert checks.token(target, open_to_all).state == "ok"


def test_a_token_file_that_cannot_be_read_is_found(target):
    check = checks.token(target, Settings(api=Api(token="file:/nowhere/token")))
    assert check.state == "fail"
    assert "cannot be read" in check.finding


def test_a_home_that_cannot_be_made_is_found(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    assert checks.home(tmp_path / "new" / "home").state == "ok"
    assert not (tmp_path / "new").exists()
    assert checks.home(tmp_path / "file" / "home").state == "fail"


@pytest.mark.parametrize(("free", "state"), [(10**10, "ok"), (10**9, "warn"), (10**7, "fail")])
def test_little_room_is_found_before_there_is_none(tmp_path, monkeypatch, free, state):
    usage = type("Usage", (), {"free": free})
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda _: usage)
    assert checks.disk(tmp_path).state == state


def test_a_real_market_without_an_expert_is_found(target):
    strict = Settings(symbols=("AAPL",), sources=Sources(expert_logs=ExpertLogs(when_missing="fail")))
    assert checks.expert_logs(target, strict).state == "warn"
    target.home.expert_logs.mkdir(parents=True)
    (target.home.expert_logs / "AAPL.csv").write_text("date,action\n")
    assert checks.expert_logs(target, strict).state == "ok"


@pytest.mark.parametrize(("bars", "state"), [("auto", "warn"), ("yahoo", "fail")])
def test_a_source_that_cannot_be_reached_is_worse_where_nothing_stands_in(bars, state):
    nowhere = Sources(bars=bars, yahoo=YahooSource(base_url="http://127.0.0.1:9"))
    (check,) = checks.sources(Settings(sources=nowhere))
    assert check.state == state


def test_a_folder_that_does_not_exist_is_found():
    (check,) = checks.sources(Settings(sources=Sources(bars="csv", csv_folder="/nowhere")))
    assert (check.state, check.cure) == ("fail", "Correct /sources/csv_folder.")


@pytest.mark.parametrize(("minutes", "state"), [(0.5, "ok"), (5, "fail"), (-5, "fail")])
def test_a_clock_that_is_wrong_is_found(minutes, state):
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert checks.clock(now, now + timedelta(minutes=minutes)).state == state
