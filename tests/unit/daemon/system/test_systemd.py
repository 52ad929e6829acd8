"""What the service manager hears, over a real socket of its kind."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.system.systemd import Notifier


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    name = str(tmp_path / "notify") if request.param == "file" else f"@nightdesk-test-{os.getpid()}-{time.time_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(name.replace("@", "\0", 1) if name.startswith("@") else name)
        ear.settimeout(2)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield ear


def test_the_life_of_a_service_is_sent_in_one_datagram_each(manager: socket.socket) -> None:
    notifier = Notifier()
    notifier.ready("Serving http://127.0.0.1:8642\nREADY=0")
    assert manager.recv(1000) == b"READY=1\nSTATUS=Serving http://127.0.0.1:8642 READY=0"
    notifier.alive()
    assert manager.recv(1000) == b"WATCHDOG=1"
    notifier.reloading()
    reloading, _, since = manager.recv(1000).decode().partition("\nMONOTONIC_USEC=")
    assert reloading == "RELOADING=1"
    assert 0 <= time.clock_gettime(time.CLOCK_MONOTONIC) - int(since) / 1e6 < 5
    notifier.stopping()
    assert manager.recv(1000) == b"STOPPING=1\nSTATUS=Stopping"


def test_a_status_is_sent_when_it_changes_and_a_reload_leaves_it_as_it_is(manager: socket.socket) -> None:
    notifier = Notifier()
    assert notifier.listening
    notifier.ready("Serving")
    notifier.status("Serving")
    notifier.status("Down: data_update failed")
    notifier.status("Down: data_update failed")
    notifier.reloaded()
    notifier.status("Serving")
    sent = [manager.recv(1000).decode() for _ in range(4)]
    assert sent == ["READY=1\nSTATUS=Serving", "STATUS=Down: data_update failed", "READY=1", "STATUS=Serving"]
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(1000)


def test_without_a_service_manager_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Notifier().ready("Serving")
    assert not Notifier().listening


def test_a_service_manager_that_does_not_listen_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    Notifier().ready("Serving")


def test_a_service_manager_that_does_not_read_holds_nobody_up(manager: socket.socket) -> None:
    notifier, began = Notifier(), time.monotonic()
    for _ in range(2000):
        notifier.alive()
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("usec", "pid", "expected"),
    [
        ("30000000", None, 30.0),
        pytest.param("30000000", os.getpid(), 30.0, id="its-own-pid"),
        ("30000000", 1, None),
        ("0", None, None),
        ("", None, None),
        ("soon", None, None),
        (None, None, None),
    ],
)
def test_the_watchdog_is_fed_only_when_it_watches_this_process(
    monkeypatch: pytest.MonkeyPatch, usec: str | None, pid: int | None, expected: float | None
) -> None:
    for name, value in (("WATCHDOG_USEC", usec), ("WATCHDOG_PID", pid)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, str(value))
    assert Notifier().watchdog_interval() == expected
