"""How long a session lasts, and what ends it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config import publish
from config.secrets import Secret
from daemon.api.sessions import LIFETIME, MOST, Sessions
from daemon.system.clock import ManualClock

TOKEN, OTHER = Secret("a" * 32), Secret("b" * 32)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 4, tzinfo=UTC))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sessions.json"


def test_a_session_lasts_seven_days(file, clock):
    sessions = Sessions(file, TOKEN, clock)
    session = sessions.open()
    clock.move(LIFETIME - timedelta(seconds=1))
    assert sessions.is_open(session)
    clock.move(timedelta(seconds=1))
    assert not sessions.is_open(session)


def test_a_restart_ends_none_and_a_new_token_all(file, clock):
    session = Sessions(file, TOKEN, clock).open()
    assert Sessions(file, TOKEN, clock).is_open(session)
    assert not Sessions(file, OTHER, clock).is_open(session)


def test_one_that_signed_out_stays_out_after_a_restart_and_others_stay_in(file, clock):
    sessions = Sessions(file, TOKEN, clock)
    mine, yours = sessions.open(), sessions.open()
    sessions.close(mine)
    for each in (sessions, Sessions(file, TOKEN, clock)):
        assert (each.is_open(mine), each.is_open(yours)) == (False, True)
    sessions.close("never opened")
    assert sessions.is_open(yours)


def test_the_file_is_the_owners_alone_and_holds_no_session(file, clock):
    session = Sessions(file, TOKEN, clock).open()
    assert file.stat().st_mode & 0o777 == 0o600
    assert session not in file.read_text()
    assert TOKEN.reveal() not in file.read_text()


def test_a_session_of_a_clock_that_ran_ahead_does_not_last_for_years(file, clock):
    sessions = Sessions(file, TOKEN, clock)
    clock.move(timedelta(days=1200))
    session = sessions.open()
    clock.move(timedelta(days=-1200))
    assert not sessions.is_open(session)


def test_only_the_newest_sessions_are_kept(file, clock):
    sessions = Sessions(file, TOKEN, clock)
    opened = []
    for _ in range(MOST + 1):
        opened.append(sessions.open())
        clock.move(timedelta(seconds=1))
    assert [sessions.is_open(each) for each in opened] == [False] + [True] * MOST


def test_sessions_that_ended_leave_the_file(file, clock):
    sessions = Sessions(file, TOKEN, clock)
    sessions.open()
    alone = file.stat().st_size
    clock.move(LIFETIME)
    sessions.open()
    assert file.stat().st_size == alone


@pytest.mark.parametrize("content", ["", "{", "[]", "7", '{"a": "b"}', '{"a": 1e300}', '{"a": null}', "\ufeff{}"])
def test_with_a_damaged_file_people_sign_in_again(file, clock, content):
    file.write_text(content)
    sessions = Sessions(file, TOKEN, clock)
    assert not sessions.is_open("a")
    assert sessions.is_open(sessions.open())


def test_on_a_full_disk_people_sign_in_and_out_all_the_same(file, clock, monkeypatch):
    session = Sessions(file, TOKEN, clock).open()
    sessions = Sessions(file, TOKEN, clock)

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(publish, "_fsync", full)
    assert sessions.is_open(sessions.open())
    sessions.close(session)
    assert not sessions.is_open(session)
    assert not Sessions(file, TOKEN, clock).is_open(session)


@pytest.mark.parametrize("session", ["", "é", "\udcff", "x" * 10_000])
def test_what_was_never_a_session_is_none(file, clock, session):
    assert not Sessions(file, TOKEN, clock).is_open(session)
