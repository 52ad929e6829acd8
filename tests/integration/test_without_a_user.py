"""A desk started where nothing is prepared for it: no variables, no known user, no home folder, a read-only root.

This is the part of a deployment that needs neither systemd nor a container; `test_service.py` and `test_image.py` have
those. The night is one for all tests here. Its caches begin empty: every kernel is compiled, which takes minutes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.paths import Home
from tests.support.desks.running_desk import RunningDesk, write_config
from tests.support.faults import confinement

ROOT = Path(__file__).parents[2]
NO_SERVER = "http://127.0.0.1:9"  # Yahoo's client is imported, finds nobody, and the sample market takes over
PATIENCE = 800.0  # seconds; workers yield to everything else, so that a busy machine compiles slowly
NOT_CONFINED = confinement.why_not()
pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]
confined = pytest.mark.skipif(NOT_CONFINED is not None, reason=NOT_CONFINED or "")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, list[str]]:
    """A new home, and the words before a command: an empty environment at least, and all the rest where possible."""
    home = Home(tmp_path_factory.mktemp("desk") / "home")
    write_config(home, sources={"yahoo": {"base_url": NO_SERVER}, "expert_logs": {"when_missing": "sample"}})
    if NOT_CONFINED:
        return home, ["env", "-i"]
    return home, confinement.surroundings(tmp_path_factory.mktemp("root"), home.root)


@pytest.fixture(scope="module")
def desk(place: tuple[Home, list[str]]) -> Iterator[RunningDesk]:
    """The desk after its first night."""
    home, before = place
    with RunningDesk(home, before=before) as running:
        running.wait_for(lambda: running.status()["backups"]["last_verified"], timeout=PATIENCE)
        running.rest(PATIENCE)
        yield running
        assert running.terminate() == 0


def test_the_first_night_succeeds(desk):
    assert {run["job"]: run["state"] for run in desk.runs()} == {
        "data_update": "succeeded",
        "training": "succeeded",
        "evaluation": "succeeded",
        "signals": "succeeded",
        "performance_check": "succeeded",
        "records": "succeeded",
        "backup": "succeeded",
    }
    errors = [event for event in desk.events() if event["level"] == "error"]
    assert {event["event"] for event in errors} <= {"alert.firing"}  # what a model earns on the sample market may alert


def test_the_desk_was_given_no_variable(desk):
    assert Path(f"/proc/{desk.pid}/environ").read_bytes() == b""


@confined
def test_the_desk_has_an_unknown_user_and_a_root_that_it_cannot_write(desk):
    status = Path(f"/proc/{desk.pid}/status").read_text()
    assert f"Uid:\t{confinement.UNKNOWN_USER}\t{confinement.UNKNOWN_USER}" in status
    mounts = [line.split() for line in Path(f"/proc/{desk.pid}/mountinfo").read_text().splitlines()]
    writable = {
        mount[4] for mount in mounts if "rw" in mount[5].split(",") and not mount[4].startswith(("/proc", "/dev"))
    }
    assert {place for place in writable if not place.startswith("/sys")} == {str(desk.home.root)}


@confined
def test_every_library_keeps_its_cache_in_the_home(desk):
    caches = {folder.name for folder in (desk.home.library_home / ".cache").iterdir() if any(folder.iterdir())}
    assert caches >= {"numba", "matplotlib"}


@pytest.mark.parametrize(
    "command",
    ["status", "health", "signals", "doctor", "data show AAPL --plot {home}/health.png"],
)
def test_commands_work_there_as_well(desk, place, command):
    home, before = place
    words = [sys.executable, "-m", "daemon.cli", "--home", str(home.root), "--json", *command.split()]
    words = [word.replace("{home}", str(home.root)) for word in words]
    done = subprocess.run([*before, *words], cwd=ROOT, env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)
