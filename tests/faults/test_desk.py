"""The running desk under faults: of its home, its config, its disk and its files, and when it is stopped or killed."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from config.paths import Home
from tests.support.desks.running_desk import RunningDesk, write_config
from tests.support.faults.disks import fill, make_read_only, small_disk

ROOT = Path(__file__).parents[2]
LONG = {"model_params": {"behavioral_cloner": {"n_estimators": 10_000}}}


def nightdesk(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, which ends by itself."""
    command = [sys.executable, "-m", "daemon.cli", "--home", str(home), *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def training_at_work(desk: RunningDesk) -> bool:
    """Whether a worker is in the middle of training."""
    at_work = [run for run in desk.status()["running"] if run["job"] == "training" and run["progress"]]
    return any(task["fraction"] for run in at_work for task in run["progress"]["tasks"])


def ended(desk: RunningDesk, run: dict[str, Any]) -> dict[str, Any]:
    """The run and its tasks, when it has come to its end."""
    return desk.wait_for(lambda: (now := desk.get(f"/runs/{run['id']}"))["finished_at"] and now)


def alert(desk: RunningDesk, rule: str) -> dict[str, Any] | None:
    """The newest alert of this rule."""
    return next((item for item in desk.get("/alerts")["items"] if item["rule"] == rule), None)


# Its place.


def test_a_second_desk_on_the_same_home_is_refused_with_the_pid_of_the_first(rested: Home) -> None:
    with RunningDesk(rested) as desk:
        second = nightdesk(rested.root, "run", "--port", "0")
        assert second.returncode == 75
        assert f"process {desk.pid}" in second.stderr
        assert desk.problems() == []
        assert desk.url is not None


def test_a_port_in_use_is_a_clear_error_and_nothing_is_lost(rested: Home) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        refused = nightdesk(rested.root, "run", "--port", str(port))
    assert refused.returncode == 1
    assert f"Another process listens on 127.0.0.1:{port}" in refused.stderr
    assert "--port" in refused.stderr
    with RunningDesk(rested) as desk:
        assert desk.get("/signals")["items"]


def test_a_home_that_is_a_file_or_below_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("I am no folder.")
    for home in (file, file / "home"):
        refused = nightdesk(home, "run")
        assert refused.returncode == 1
        assert f"{home} is not a folder" in refused.stderr
    assert file.read_text() == "I am no folder."


def test_a_read_only_home_is_refused_and_works_when_it_can_be_written_again(first_night: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", megabytes=100) as disk:
        home = Home(disk / "home")
        shutil.copytree(first_night, home.root)
        make_read_only(disk, True)
        refused = nightdesk(home.root, "run")
        assert refused.returncode == 1
        assert "cannot be written: Read-only file system" in refused.stderr
        assert "--home" in refused.stderr
        make_read_only(disk, False)
        with RunningDesk(home) as desk:
            assert desk.get("/signals")["items"]


# Its config.


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ('{\n  "simbols": ["AAPL"]\n}', ("line 2", "/simbols is not a known key", "Did you mean 'symbols'?")),
        ('{\n  "costs": {\n    "commission": NaN}}', ("line 3", "NaN")),
        ('{"model_types": ["deepscalper"]}', ("/model_types/0 is 'deepscalper'", "Use one of: a2c, analyst_ensemble")),
        ('{\n  "costs": {"initial_cash": 123456789012345678901234567890}}', ("line 2", "initial_cash")),
        (None, ("There is no config file", "nightdesk init")),
    ],
    ids=["unknown key", "NaN", "unregistered model type", "beyond 64 bits", "missing"],
)
def test_a_config_that_cannot_be_used_is_refused_with_its_place_and_its_cure(
    tmp_path: Path, text: str | None, messages: tuple[str, ...]
) -> None:
    config = tmp_path / "config.json"
    if text is not None:
        config.write_text(text)
    refused = nightdesk(tmp_path / "home", "--config", str(config), "run")
    assert refused.returncode == 4
    for words in messages:
        assert words in " ".join(refused.stderr.split())
    assert "Traceback" not in refused.stderr


def test_a_config_that_changes_is_applied_whole_or_not_at_all(rested: Home) -> None:
    with RunningDesk(rested) as desk:
        rested.config.write_text('{"symbols": ["MSFT"], "simbols": []}')
        firing = desk.wait_for(lambda: alert(desk, "config.invalid"))
        assert firing["state"] == "firing"
        assert "/simbols is not a known key" in firing["message"]
        assert [model["subject"] for model in desk.status()["models"]] == ["AAPL"]
        assert desk.problems() == []

        write_config(rested, symbols=["AAPL", "MSFT"])
        desk.wait_for(lambda: alert(desk, "config.invalid")["state"] == "resolved")  # type: ignore[index]
        assert [model["subject"] for model in desk.status()["models"]] == ["AAPL", "MSFT"]

        desk.signal(signal.SIGHUP)
        desk.wait_for(lambda: len(desk.events("config.reloaded")) == 2)
        assert len(desk.get("/alerts")["items"]) == len({item["id"] for item in desk.get("/alerts")["items"]})


# Whoever stops it.


def test_sigterm_in_the_middle_of_training_ends_it_soon_and_the_next_start_goes_on(home: Home) -> None:
    write_config(home, **LONG)
    with RunningDesk(home) as desk:
        desk.wait_for(lambda: training_at_work(desk))
        signalled_at, problems = time.monotonic(), set[str]()
        desk.signal(signal.SIGTERM)
        while desk.code is None and time.monotonic() < signalled_at + 45:
            try:
                problems |= set(desk.problems())
            except httpx.TransportError:  # it serves no more
                break
        assert desk.wait(timeout=45) == 0
        assert time.monotonic() - signalled_at < 45
        assert desk.workers() == set()
        assert problems == {"stopping"}
        [ended_event] = [event for event in desk.events("run.ended") if event["job"] == "training"]
        assert (ended_event["state"], ended_event["cause"]) == ("cancelled", "shutdown")

    write_config(home)
    with RunningDesk(home) as desk:
        desk.wait_for(lambda: desk.status()["backups"]["last_verified"])
        desk.rest()
        night = [(run["job"], run["attempt"], run["state"]) for run in reversed(desk.runs())]
        assert night == [
            ("data_update", 1, "succeeded"),
            ("training", 1, "cancelled"),
            ("training", 2, "succeeded"),
            ("evaluation", 1, "succeeded"),
            ("signals", 1, "succeeded"),
            ("performance_check", 1, "succeeded"),
            ("backup", 1, "succeeded"),
            ("records", 1, "succeeded"),
        ]


def test_orphans_are_crashed_and_tried_again_within_two_seconds_of_processor_time(rested: Home) -> None:
    write_config(rested, **LONG)
    with RunningDesk(rested) as desk:
        run = desk.post("/jobs/training/run")
        desk.wait_for(lambda: training_at_work(desk))
        desk.kill()
        assert settled(desk)
    with RunningDesk(rested, wait=False) as desk:
        desk.wait_for(lambda: desk.events("desk.started"))
        assert processor_seconds(desk.pid) < 2.0
        crashed = desk.get(f"/runs/{run['id']}")
        assert (crashed["state"], crashed["cause"]) == ("crashed", "owner.dead")
        assert {task["state"] for task in crashed["tasks"]} == {"succeeded", "crashed"}
        [retry] = [item for item in desk.runs(job="training") if item["attempt"] == 2]
        assert retry["trigger"] == "retry"


def settled(desk: RunningDesk) -> bool:
    """Whether no worker is left a moment after its desk."""
    end = time.monotonic() + 5
    while desk.workers() and time.monotonic() < end:
        time.sleep(0.02)
    return not desk.workers()


def processor_seconds(pid: int) -> float:
    """How long a process has been at work; unlike the clock, the same on a machine with much else to do."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_worker_that_is_killed_takes_its_task_with_it_and_nothing_else(rested: Home) -> None:
    write_config(rested, **LONG)
    with RunningDesk(rested) as desk:
        run = desk.post("/jobs/training/run")
        desk.wait_for(lambda: training_at_work(desk))
        for worker in desk.workers():
            os.kill(worker, signal.SIGKILL)
        failed = ended(desk, run)
        assert (failed["state"], failed["cause"]) == ("failed", "task.worker_died")
        assert failed["tasks"][-1]["detail"]["detail"] == {"signal": "SIGKILL"}
        assert desk.problems() == []
        assert alert(desk, "run.failed")["state"] == "firing"  # type: ignore[index]

        write_config(rested)
        desk.wait_for(lambda: desk.events("config.reloaded"))
        assert ended(desk, desk.post("/jobs/training/run"))["state"] == "succeeded"
        assert alert(desk, "run.failed")["state"] == "resolved"  # type: ignore[index]


# Its disk.


@pytest.mark.slow
def test_a_full_disk_raises_one_alert_and_the_desk_goes_on_when_there_is_room(
    first_night: Path, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", megabytes=100) as disk:
        home = Home(disk / "home")
        shutil.copytree(first_night, home.root)
        write_config(home, model_params={"behavioral_cloner": {"n_estimators": 300}})
        with RunningDesk(home) as desk:
            ballast = fill(disk, leave=20 * 2**20)
            desk.wait_for(lambda: alert(desk, "disk.full"))
            assert desk.problems() == ["disk.full"]
            run = desk.post("/jobs/training/run")
            desk.wait_for(lambda: training_at_work(desk))
            ballast.unlink()
            ballast = fill(disk, leave=0)

            refused = desk.ask("POST", "/jobs/signals/run", json={})
            assert (refused.status_code, refused.json()["code"]) == (507, "store.disk_full")
            assert set(desk.problems()) == {"disk.full", "store.disk_full"}
            assert desk.get("/signals")["items"]
            assert desk.status()["models"][0]["champion"]
            desk.wait_for(lambda: desk.events("run.unrecorded"))
            assert list(disk.rglob(".unfinished-*")) == []

            ballast.unlink()
            failed = ended(desk, run)
            assert (failed["state"], failed["cause"]) == ("failed", "store.disk_full")
            desk.wait_for(lambda: alert(desk, "disk.full")["state"] == "resolved")  # type: ignore[index]
            assert desk.problems() == []
            assert [item["rule"] for item in desk.get("/alerts")["items"]].count("disk.full") == 1
            retried = desk.wait_for(lambda: [item for item in desk.runs(job="training") if item["attempt"] == 2])
            assert ended(desk, retried[0])["state"] == "succeeded"


# Its files.


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.trace,))


def test_a_pickle_in_the_place_of_weights_is_refused_and_not_executed(rested: Home, tmp_path: Path) -> None:
    [weights] = rested.models.glob("AAPL/*/*/weights.safetensors")
    with RunningDesk(rested) as desk:
        weights.write_bytes(pickle.dumps(Bomb(tmp_path / "executed")))  # a start would mend it from the backup
        run = ended(desk, desk.post("/jobs/signals/run"))
        assert (run["state"], run["tasks"][0]["state"]) == ("failed", "failed")
        assert run["cause"].startswith("model.")
        assert "weights.safetensors" in run["tasks"][0]["detail"]["message"]
        assert desk.problems() == []
        assert alert(desk, "run.failed")["subject"] == "signals"  # type: ignore[index]
    assert not (tmp_path / "executed").exists()


def test_a_torn_file_of_bars_affects_one_symbol_only(rested: Home) -> None:
    write_config(rested, symbols=["AAPL", "MSFT"])
    torn = rested.bars("csv", "AAPL", "1d")
    with RunningDesk(rested) as desk:
        torn.write_bytes(torn.read_bytes()[:-1000])  # a start would restore it from the backup
        run = ended(desk, desk.post("/jobs/data_update/run"))
        assert (run["state"], run["cause"]) == ("failed", "data.corrupt")
        by_symbol = {task["subject"]: task for task in run["tasks"]}
        assert by_symbol["MSFT"]["state"] == "succeeded"
        assert "Delete that file" in by_symbol["AAPL"]["detail"]["cure"]

        trained = ended(desk, desk.post("/jobs/training/run"))
        assert (trained["state"], trained["cause"]) == ("partial", "data.corrupt")
        assert list(trained["detail"]["failed"]) == ["AAPL"]

        torn.unlink()
        assert ended(desk, desk.post("/jobs/data_update/run"))["state"] == "succeeded"
