"""A desk whose database is a server: the server is restarted, and other desks want it too."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from config.paths import Home
from daemon import bootstrap
from daemon.store.faults import StoreError
from tests.support.desks.running_desk import RunningDesk, write_config
from tests.support.faults.silent_peers import silent
from tests.support.servers.postgres import fresh_postgres_url, start_server, stop_server

ROOT = Path(__file__).parents[2]
# What runs in a PID namespace of its own, as in another container.
OTHER_CONTAINER = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
# A night that is over after its first job.
ONLY_DATA: dict[str, Any] = {
    "jobs": {
        job: {"enabled": False}
        for job in ("training", "evaluation", "signals", "performance_check", "backup", "records")
    }
}


@pytest.fixture
def url() -> str:
    return fresh_postgres_url()


def desk_home(folder: Path, url: str) -> Home:
    home = Home(folder)
    write_config(home, database={"url": url}, **ONLY_DATA)
    return home


def refused(home: Home, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """A desk that does not start."""
    command = [*before, sys.executable, "-m", "daemon.cli", "--home", str(home.root), "run", "--port", "0"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def in_namespaces() -> bool:
    return subprocess.run([*OTHER_CONTAINER, "true"], capture_output=True, check=False).returncode == 0


def test_a_server_that_is_restarted_costs_no_run_and_readyz_says_so_meanwhile(tmp_path: Path, url: str) -> None:
    home = desk_home(tmp_path / "home", url)
    with RunningDesk(home) as desk:
        desk.wait_for(lambda: desk.events("run.claimed"))
        stop_server()
        try:
            desk.wait_for(lambda: "store.unreachable" in desk.problems())
            assert desk.ask("GET", "/healthz").status_code == 200
            refusal = desk.ask("POST", "/jobs/maintenance/run", json={})
            assert (refusal.status_code, refusal.json()["code"]) == (503, "store.unreachable")
            time.sleep(3)  # the worker has its bars by now, and nobody to take them
        finally:
            start_server()
        desk.wait_for(lambda: desk.problems() == [])
        desk.rest()
        [run] = desk.runs(job="data_update")
        assert (run["state"], run["attempt"], run["detail"]["succeeded"]) == ("succeeded", 1, 1)
        faults = [event["error"]["code"] for event in desk.events("desk.fault")]
        assert len(faults) <= 2, "an error that repeats itself is logged once a minute"
        assert desk.terminate() == 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_server_that_falls_silent_is_waited_for_and_holds_up_neither_health_nor_the_end(
    tmp_path: Path, url: str
) -> None:
    """Half-open connections: no packet arrives, and nobody says that the other side is gone."""
    home, port = desk_home(tmp_path / "home", url), make_url(url).port
    assert port is not None
    with RunningDesk(home) as desk:
        desk.wait_for(lambda: desk.events("run.claimed"))
        with silent(port):
            began = time.monotonic()
            desk.wait_for(lambda: {"store.stalled", "store.unreachable"} & set(desk.problems()))
            assert time.monotonic() - began < 30
            assert desk.ask("GET", "/healthz").status_code == 200
            desk.wait_for(lambda: "store.unreachable" in desk.problems())
            assert time.monotonic() - began < 60
        desk.wait_for(lambda: desk.problems() == [])
        desk.rest()
        [run] = [run for run in desk.runs(job="data_update") if run["state"] == "succeeded"]
        assert run["detail"]["succeeded"] == 1
        with silent(port):
            time.sleep(3)  # so that something waits for the server when the end is asked for
            began = time.monotonic()
            assert desk.terminate() == 0
            assert time.monotonic() - began < 45


def test_a_desk_that_starts_before_its_server_waits_for_it_and_says_so(tmp_path: Path, url: str) -> None:
    home = desk_home(tmp_path / "home", url)
    stop_server()
    with RunningDesk(home, wait=False) as desk:
        try:
            [waiting] = desk.wait_for(lambda: desk.events("store.waiting"))
            assert waiting["error"]["code"] == "store.unreachable"
            time.sleep(1.5)  # it asks again meanwhile
            assert desk.code is None
        finally:
            start_server()
        desk.wait_for(lambda: desk.events("desk.started"))
        assert len(desk.events("store.waiting")) == 1
        assert desk.terminate() == 0


def test_a_desk_whose_server_stays_away_ends_after_a_while(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "SERVER_PATIENCE", 0.5)
    write_config(home, database={"url": "postgresql://desk@127.0.0.1:9/nothing"})
    with pytest.raises(StoreError, match="database") as caught:
        bootstrap.serve(home, port=0)
    assert caught.value.code == "store.unreachable"


@pytest.mark.skipif(not in_namespaces(), reason="PID namespaces cannot be made here")
def test_a_second_desk_is_refused_in_whatever_namespace_and_the_runs_of_a_killed_one_are_retried(
    tmp_path: Path, url: str
) -> None:
    first, second = desk_home(tmp_path / "first", url), desk_home(tmp_path / "second", url)
    with RunningDesk(first) as desk:
        desk.wait_for(lambda: desk.events("run.claimed"))
        for before in ((), OTHER_CONTAINER):
            answer = refused(second, before)
            assert answer.returncode == 75
            assert f"the desk {first.desk_id.read_text().strip()} on " in answer.stderr
            assert ", since 20" in answer.stderr
        assert desk.problems() == []
        assert desk.runs()[0]["state"] in ("waiting", "running")
        desk.kill()
    with RunningDesk(first, before=OTHER_CONTAINER, wait=False) as desk:
        desk.wait_for(lambda: desk.events("desk.started"), timeout=60)
        [recovered] = desk.events("run.recovered")
        assert recovered["run"] == "data_update-1"
    answer = refused(second)
    assert answer.returncode == 4
    assert "The database belongs to the desk" in answer.stderr
