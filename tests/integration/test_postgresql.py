"""What only a database server can do to a desk: hang up, or take no writes."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import text

from config.errors import NightdeskError
from daemon.store import runs
from daemon.store.database import Database
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


def test_the_desk_makes_no_snapshot_of_a_server_but_says_how(tmp_path, database):
    assert not database.embedded
    with pytest.raises(NightdeskError, match="PostgreSQL") as caught:
        database.snapshot(tmp_path / "copy.sqlite3")
    assert "pg_dump" in caught.value.cure
    assert list(tmp_path.iterdir()) == []


def test_tidying_a_server_refreshes_its_statistics(database):
    database.write(lambda c: runs.request(c, "backup", now=NOON, trigger="manual"))
    database.tidy()
    analysed = "SELECT count(*) FROM pg_stats WHERE tablename = 'runs' AND schemaname = current_schema()"
    assert database.read(lambda c: c.execute(text(analysed)).scalar_one()) > 0
