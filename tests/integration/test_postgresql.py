"""What only a database server can do to a desk: hang up, take no writes, or serve two desks at once."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, Engine, event, text

from config.errors import ConfigError, LockedError, NightdeskError, UsageError
from config.paths import Home
from config.settings import Settings
from daemon.cli.choices import Choices
from daemon.cli.offline import records
from daemon.opening.database import Opened, open_database
from daemon.opening.identity import desk_id
from daemon.store import runs
from daemon.store.database import Database
from daemon.store.faults import StoreError
from daemon.store.lease import Lease
from daemon.system.clock import SystemClock
from tests.support.desks.databases import NOON
from tests.support.servers.postgres import fresh_postgres_url


@pytest.fixture
def url():
    return fresh_postgres_url()


@pytest.fixture
def database(url):
    opened = Database.open(url)
    yield opened
    opened.close()


def _hang_up_on_everybody(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )


def _leased(url: str) -> bool:
    """Whether a session holds the lease of the database, which is the only advisory lock that lasts."""
    with psycopg.connect(url, autocommit=True) as connection:
        locks = connection.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ).fetchone()
    return locks != (0,)


def test_connections_that_the_server_closed_are_made_anew(url, database):
    database.read(runs.any_run)
    _hang_up_on_everybody(url)
    assert not database.read(runs.any_run)
    assert database.write(lambda c: runs.request(c, "backup", now=NOON, trigger="manual")).state == "due"


def test_a_write_that_the_server_hangs_up_on_is_a_clear_fault_and_keeps_nothing(url, database):
    def cut_off(c):
        runs.request(c, "backup", now=NOON, trigger="manual")
        _hang_up_on_everybody(url)
        runs.request(c, "training", now=NOON, trigger="manual")

    with pytest.raises(NightdeskError) as caught:
        database.write(cut_off)
    assert caught.value.code == "store.unreachable"
    assert database.problems(10.0) == ["store.unreachable"]
    assert not database.read(runs.any_run)
    database.write(runs.any_run)
    assert database.problems(10.0) == []


def test_a_server_that_takes_no_writes_is_named_as_such(url, database):
    with pytest.raises(NightdeskError) as caught:
        database.read(lambda c: runs.request(c, "backup", now=NOON, trigger="manual"))
    assert caught.value.code == "store.read_only"
    assert "primary" in caught.value.cure


def test_tidying_a_server_refreshes_its_statistics(database):
    database.write(lambda c: runs.request(c, "backup", now=NOON, trigger="manual"))
    database.tidy()
    analysed = "SELECT count(*) FROM pg_stats WHERE tablename = 'runs' AND schemaname = current_schema()"
    assert database.read(lambda c: c.execute(text(analysed)).scalar_one()) > 0


# Who may use it.


@contextmanager
def entered(url: str, home: Home) -> Iterator[Opened]:
    """The database, opened as the desk of `home` opens it."""
    opened = open_database(home, Settings(database={"url": url}), SystemClock())
    try:
        yield opened
    finally:
        opened.close()


def _home(folder: Path) -> Home:
    folder.mkdir(parents=True)
    return Home(folder)


def test_a_second_home_is_refused_with_the_name_of_the_desk_its_machine_and_since_when(url, tmp_path):
    first, second = _home(tmp_path / "first"), _home(tmp_path / "second")
    with entered(url, first) as opened:
        with pytest.raises(LockedError) as caught, entered(url, second):
            pass
        assert caught.value.code == "store.held"
        assert opened.desk in caught.value.message
        assert socket.gethostname() in caught.value.message
        assert f"since {datetime.now(UTC):%Y-%m-%d}" in caught.value.message
    with pytest.raises(ConfigError) as caught, entered(url, second):
        pass
    assert caught.value.code == "desk.foreign"
    assert opened.desk in caught.value.message
    assert "desk.id" in caught.value.cure
    assert not second.desk_id.exists()
    second.desk_id.write_text(opened.desk)  # as the cure says, for a home that was moved or restored
    with entered(url, second) as moved:
        assert moved.desk == opened.desk


def test_of_two_homes_that_begin_at_once_on_an_empty_database_one_wins_and_the_other_is_refused_plainly(url, tmp_path):
    homes, barrier = [_home(tmp_path / str(number)) for number in range(2)], threading.Barrier(2)
    done = threading.Event()

    def begin(home: Home) -> str:
        barrier.wait(10)
        try:
            with entered(url, home) as opened:
                done.wait(20)
                return opened.desk
        except NightdeskError as error:
            done.set()
            return error.code

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(begin, homes))
    assert "store.held" in outcomes
    [winner] = [outcome for outcome in outcomes if outcome != "store.held"]
    assert winner in {desk_id(home) for home in homes}


def test_two_processes_make_the_tables_of_an_empty_database_one_after_the_other(url):
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: Database.open(url), range(4)))
    for each in opened:
        assert not each.read(runs.any_run)
        each.close()


def test_without_a_desk_nobody_makes_or_migrates_the_tables_of_a_server(url, tmp_path):
    home = _home(tmp_path / "home")
    home.config.write_text(json.dumps({"database": {"url": url}}))
    with pytest.raises(UsageError) as caught, records(Choices(home, None, json=False, verbose=0)):
        pass
    assert (caught.value.code, "nightdesk run" in caught.value.cure) == ("store.empty", True)
    with psycopg.connect(url, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()").fetchone() == (
            0,
        )
        connection.execute("CREATE TABLE alembic_version (version_num varchar(32) NOT NULL)")
        connection.execute("INSERT INTO alembic_version VALUES ('0001')")
    with pytest.raises(UsageError) as caught, records(Choices(home, None, json=False, verbose=0)):
        pass
    assert (caught.value.code, "nightdesk run" in caught.value.cure) == ("store.older", True)


def test_an_empty_database_is_refused_by_the_home_of_a_desk_until_a_person_begins_anew(url, tmp_path):
    home = _home(tmp_path / "home")
    home.desk_id.write_text("d" * 32)
    home.result("evaluation-7").mkdir(parents=True)
    with pytest.raises(ConfigError) as caught, entered(url, home):
        pass
    assert caught.value.code == "store.missing"
    assert "database URL" in caught.value.cure
    home.desk_id.unlink()
    with entered(url, home) as opened:
        assert opened.loss is not None
        assert "1 folder of results" in opened.loss.message
        run = opened.database.write(lambda c: runs.request(c, "backup", now=NOON, trigger="manual"))
        assert run.id == 8


def test_a_lease_that_was_cut_off_is_taken_again_and_the_desk_goes_on(url, tmp_path):
    with entered(url, _home(tmp_path / "home")) as opened:
        _hang_up_on_everybody(url)
        _wait_for(lambda: not _leased(url))
        _wait_for(lambda: _leased(url))
        opened.database.write(runs.any_run)
        assert opened.database.fatal is None


def test_a_desk_whose_place_another_took_writes_no_more_and_knows_why(url, tmp_path, monkeypatch):
    home = _home(tmp_path / "home")
    with entered(url, home) as first:
        monkeypatch.setattr(Lease, "_retake", lambda *_: None)  # it is slower than the other
        _hang_up_on_everybody(url)
        _wait_for(lambda: not _leased(url))
        monkeypatch.undo()
        with psycopg.connect(url, autocommit=True) as connection:  # what the other does when it enters
            connection.execute("UPDATE desks SET instance = 'another'")
        _wait_for(lambda: first.database.fatal is not None)
        with pytest.raises(StoreError) as caught:
            first.database.write(lambda c: runs.request(c, "backup", now=NOON, trigger="manual"))
        assert caught.value.code == first.database.fatal.code == "store.taken"
        assert not first.database.read(runs.any_run)


def test_a_commit_whose_answer_was_lost_counts_as_what_the_server_made_of_it(url, tmp_path):
    with entered(url, _home(tmp_path / "home")) as opened:
        engine = opened.database._writer
        for deaf_before in (False, True):
            cut = _cut_off_once(engine, before=deaf_before)
            if deaf_before:
                with pytest.raises(StoreError, match="does not answer"):
                    opened.database.write(lambda c: runs.request(c, "training", now=NOON, trigger="manual"))
            else:
                run = opened.database.write(lambda c: runs.request(c, "backup", now=NOON, trigger="manual"))
                assert run.job == "backup"
            assert cut
        assert [run.job for run in opened.database.read(runs.page)] == ["backup"]


def _cut_off_once(engine: Engine, *, before: bool) -> list[bool]:
    """Let the next commit fail as if the server had hung up: before it took the commit, or after."""
    cut: list[bool] = []

    def hang_up(connection: Any) -> None:
        if cut:
            return
        cut.append(True)
        raw = connection.connection.dbapi_connection
        if not before:
            raw.commit()
        raw.close()

    event.listen(engine, "commit", hang_up)
    return cut


def test_a_connection_gives_up_a_server_that_does_not_answer(url, database):
    def options(c: Connection) -> dict[str, int]:
        handle = c.connection.dbapi_connection.fileno()
        with socket.socket(fileno=os.dup(handle)) as peer:
            return {
                "idle": peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
                "every": peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
                "times": peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
                "unacknowledged": peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
            }

    assert database.read(options) == {"idle": 10, "every": 5, "times": 3, "unacknowledged": 15_000}
    limits = ("statement_timeout", "lock_timeout", "tcp_user_timeout")
    set_there = database.read(lambda c: [c.exec_driver_sql(f"SHOW {name}").scalar() for name in limits])
    assert set_there == ["1min", "10s", "15000"]


def _wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
