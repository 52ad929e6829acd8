"""The systemd unit as it is shipped, under systemd as process 1: a night, and everything an owner does to a service.

The tests go through the life of one desk in their order. They need root, `debootstrap` and `systemd-container`, and
packages of Debian and of Python for the first time; what was downloaded is kept. What `pip` installs is this checkout.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import NIGHT
from tests.support.servers import debian
from tests.support.servers.containers import HOME, Booted

REASON = debian.why_not("debootstrap", "systemd-nspawn")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(REASON is not None, reason=REASON or ""),
]
UNIT = debian.CHECKOUT / "deploy" / "nightdesk.service"
STOP = 45.0  # seconds within which the desk has promised to be gone
PATIENCE = 900.0  # seconds; caches are empty and workers yield to everything else
AGENT = {"hidden_dim": 16, "n_steps": 256, "batch_size": 64}
CONFIG = {
    "symbols": ["AAPL"],
    "model_types": ["behavioral_cloner", "ppo"],
    "sources": {"expert_logs": {"when_missing": "sample"}},
    "training_params": {"lookback_days": 1500, "steps": 2048},
    "model_params": {
        "behavioral_cloner": {"n_estimators": 5},
        "ppo": {"seeds": 1, "evaluations": 2, "agent": AGENT},
    },
    "promotion": {"min_trades": 1, "min_sharpe_gain": 0.0, "confidence": 0.51},
}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    """A booted system, the service installed as the guide shows, and a config in its home before the first start."""
    scratch = tmp_path_factory.mktemp("service")
    program = debian.install(scratch)
    root = scratch / "root"
    debian.run("cp", "--archive", "--reflink=auto", str(debian.base()), str(root))
    shutil.copy(UNIT, root / "etc/systemd/system")
    write_config(root / HOME.removeprefix("/"), **CONFIG)
    try:
        with Booted(root, binds=[(program, debian.PROGRAM)]) as booted:
            booted.run("systemctl", "enable", "--now", "nightdesk")
            yield booted
    finally:
        shutil.rmtree(root)


@pytest.fixture
def desk(machine: Booted) -> Booted:
    """The machine with the service running; starts of earlier tests do not count."""
    machine.run("systemctl", "reset-failed", "nightdesk")
    machine.run("systemctl", "start", "nightdesk")
    return machine


def write_config(home: Path, **settings: object) -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / "training_config.json").write_text(json.dumps(settings))


def at_rest(machine: Booted) -> bool:
    return machine.nightdesk("status")["running"] == []


def test_the_first_night_succeeds_with_the_cloner_and_an_agent(desk):
    desk.wait_for(lambda: desk.nightdesk("status")["backups"]["last_verified"], PATIENCE)
    ended = {event["job"]: event["state"] for event in desk.events("run.ended")}
    assert ended == dict.fromkeys(NIGHT, "succeeded")
    assert {model["model_type"] for model in desk.nightdesk("models")["items"]} == {"behavioral_cloner", "ppo"}
    assert desk.unit("ActiveState", "NRestarts") == {"ActiveState": "active", "NRestarts": "0"}
    assert desk.faults() == []


def test_the_service_is_no_user_of_the_machine_and_its_caches_are_where_the_unit_says(desk):
    process = desk.unit("MainPID")["MainPID"]
    user = desk.run("stat", "--format=%u", f"/proc/{process}").strip()
    assert 61184 <= int(user) <= 65519  # the range of DynamicUser
    assert desk.run("find", "/var/cache/nightdesk/numba", "-name", "*.nbc").strip()


def test_a_reload_takes_a_new_config_without_a_restart(desk):
    desk.wait_for(lambda: at_rest(desk), PATIENCE)
    before = desk.unit("MainPID")
    changed = CONFIG | {"time_zone": "Europe/Berlin"}
    desk.run("/bin/sh", "-ec", 'printf %s "$1" > "$2"', "sh", json.dumps(changed), f"{HOME}/training_config.json")
    desk.run("systemctl", "reload", "nightdesk")
    desk.wait_for(lambda: desk.events("config.reloaded"), 10)
    assert desk.unit("MainPID") == before
    assert desk.unit("ActiveState", "SubState") == {"ActiveState": "active", "SubState": "running"}


def test_a_restart_takes_no_longer_than_promised_and_finds_everything_again(desk):
    before, models = desk.unit("MainPID"), desk.nightdesk("models")
    began = time.monotonic()
    desk.run("systemctl", "restart", "nightdesk")
    assert time.monotonic() - began < STOP
    assert desk.unit("MainPID") != before
    assert desk.nightdesk("models") == models


def test_a_stop_in_the_middle_of_a_training_is_in_order_and_leaves_no_process(desk):
    training = subprocess.Popen(
        desk.inside(
            f"{debian.PROGRAM}/bin/nightdesk", "--home", HOME, "train", "--model-type", "ppo", "--steps", "500000"
        ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        desk.wait_for(lambda: any(run["progress"] for run in desk.nightdesk("status")["running"]), PATIENCE)
        time.sleep(5)  # it learns
        began = time.monotonic()
        desk.run("systemctl", "stop", "nightdesk")
        assert time.monotonic() - began < STOP
    finally:
        training.kill()
        training.wait()
    expected = {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"}
    assert desk.unit("ActiveState", "Result", "ExecMainStatus") == expected
    commands = desk.run("/bin/sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    assert "systemd" in commands
    assert "daemon." not in commands


def test_a_desk_that_hangs_is_killed_and_started_again(desk):
    before = desk.unit("MainPID", "NRestarts")
    desk.run("systemctl", "kill", "--signal=STOP", "--kill-whom=main", "nightdesk")
    began = time.monotonic()
    desk.wait_for(lambda: desk.unit("NRestarts") != {"NRestarts": before["NRestarts"]}, 60 + STOP + 30)
    assert time.monotonic() - began > 25  # not before the watchdog's time
    desk.wait_for(lambda: desk.unit("ActiveState")["ActiveState"] == "active", 60)
    assert desk.unit("MainPID")["MainPID"] != before["MainPID"]
    assert desk.nightdesk("health") == {"status": "alive"}
    assert "Watchdog timeout" in desk.log()


def test_a_reboot_of_the_machine_brings_the_desk_back_with_all_that_it_had(desk):
    models = desk.nightdesk("models")
    desk.reboot()
    desk.wait_for(lambda: desk.unit("ActiveState")["ActiveState"] == "active", 60)
    assert desk.nightdesk("health") == {"status": "alive"}
    assert desk.nightdesk("models") == models
