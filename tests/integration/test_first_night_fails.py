"""A first night without data, in a deployed desk: page, API and commands name the job, its cause and its cure."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.paths import Home
from config.settings import NIGHT
from data_pipeline.sources.sample import SampleSource
from tests.support.desks.running_desk import RunningDesk, write_config

# Kernels are compiled at their first call, on a machine that may have other work.
NIGHT_TIMEOUT = 240.0
# So loose that no metric of a tiny model raises an alert.
LOOSE = {
    "min_sharpe_ratio": -100.0,
    "max_drawdown_threshold": -100.0,
    "max_psi": 100.0,
    "max_drifted_features": 100.0,
    "min_accuracy": 0.0,
    "max_calibration_error": 1.0,
    "min_strength": 0.0,
}


class ServiceManager:
    """The end of sd_notify where a service manager listens; `status` is what `systemctl status` would show."""

    def __init__(self, receiver: socket.socket) -> None:
        self._receiver = receiver
        self.statuses: list[str] = []
        self.ready = False

    @property
    def status(self) -> str:
        """The newest status that was sent."""
        self._receive()
        return self.statuses[-1] if self.statuses else ""

    def _receive(self) -> None:
        while True:
            try:
                lines = self._receiver.recv(65_536).decode().splitlines()
            except BlockingIOError:
                return
            self.ready |= "READY=1" in lines
            self.statuses += [line.removeprefix("STATUS=") for line in lines if line.startswith("STATUS=")]


@contextmanager
def service_manager(folder: Path) -> Iterator[ServiceManager]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(folder / "notify"))
        receiver.setblocking(False)
        yield ServiceManager(receiver)


def write_bars(folder: Path) -> None:
    """A file of bars up to now, as an owner exports one."""
    now = datetime.now(UTC)
    bars = SampleSource().fetch("AAPL", "1d", now - timedelta(days=1500), now)
    bars.frame.rename_axis("date").to_csv(folder / "AAPL.csv")


def nightdesk(home: Home, *words: str) -> str:
    command = [sys.executable, "-m", "daemon.cli", "--home", str(home.root), *words]
    root = Path(__file__).parents[2]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.mark.timeout(600)
def test_a_first_night_without_data_names_the_job_and_its_cure_until_it_is_mended(home: Home, tmp_path: Path) -> None:
    bars = tmp_path / "bars"
    bars.mkdir()
    sources = {"bars": "csv", "csv_folder": str(bars), "expert_logs": {"when_missing": "sample"}}
    write_config(home, sources=sources, monitoring=LOOSE)
    cure = "Add AAPL.csv or AAPL.parquet. Then start it: `nightdesk run-once all`."
    with (
        service_manager(tmp_path) as manager,
        RunningDesk(home, environment={"NOTIFY_SOCKET": str(tmp_path / "notify")}) as desk,
    ):
        desk.wait_for(lambda: manager.status.startswith("Down: data_update-1 failed (data.unknown_symbol): AAPL: "))
        assert manager.ready
        assert manager.statuses[0] == f"Serving {desk.url}; First night under way: data_update."
        assert manager.status.endswith(f"The folder of bars has no file for AAPL. Cure: {cure}")

        desk.rest(NIGHT_TIMEOUT)
        assert desk.problems() == []  # it is ready: it answers, and the next night comes
        health = desk.status()["health"]
        assert (health["state"], health["job"], health["cure"]) == ("down", "data_update", cure)
        printed = nightdesk(home, "status")
        assert "Down: data_update-1 failed (data.unknown_symbol): AAPL" in printed
        assert f"Cure: {cure}" in printed
        assert json.loads(nightdesk(home, "--json", "status"))["health"] == health

        write_bars(bars)
        for job in NIGHT:
            desk.post(f"/jobs/{job}/run")
            desk.rest(NIGHT_TIMEOUT)
        desk.wait_for(lambda: manager.status.startswith(f"Serving {desk.url}; next: "))
        assert manager.status.endswith(" UTC")
        assert desk.status()["health"]["state"] == "ok"
        assert "All is well." in nightdesk(home, "status").splitlines()[0]
        assert desk.terminate() == 0
        assert manager.status == "Stopping"
