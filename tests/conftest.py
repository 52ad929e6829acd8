"""What every test gets: no sockets beyond loopback, and a home of its own."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from config.paths import HOME_VARIABLE, Home
from daemon.executors.worker.process import THREADS

# Tests run beside each other as tasks do in their workers: the threads of one would only wait for those of another.
os.environ.update(dict.fromkeys((f"{name}_NUM_THREADS" for name in THREADS), "1"))

# A shared machine is slow at odd moments, and kernels are compiled at their first call: time is not a property here.
settings.register_profile("nightdesk", deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=500)  # for the laws, by `make slow`
settings.load_profile("nightdesk")


# Tests that measure time or kill processes: one worker does them, one after the other.
SERIAL = ("tests/faults/", "tests/contract/test_executors.py", "tests/unit/daemon/system/test_lock.py")


class ByFile(LoadScopeScheduling):
    """Of several workers, one does all tests of a file, whose fixtures are costly, and one all that measure time."""

    def _split_scope(self, nodeid: str) -> str:
        return "serial" if nodeid.startswith(SERIAL) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    return ByFile(config, log)


class OutsideSocketError(RuntimeError):
    """A test tried to reach the world."""


def _refuse_outside(address: object) -> None:
    if not isinstance(address, tuple):
        return  # a Unix socket
    host = str(address[0])
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host in ("localhost", "")
    if not loopback:
        raise OutsideSocketError(f"a test tried to connect to {host}; tests stay on loopback")


@pytest.fixture(autouse=True)
def _sockets_stay_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def guarded_connect(self: socket.socket, address: object) -> None:
        _refuse_outside(address)
        return connect(self, address)  # type: ignore[arg-type]

    def guarded_connect_ex(self: socket.socket, address: object) -> int:
        _refuse_outside(address)
        return connect_ex(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)


@pytest.fixture
def anyio_backend() -> str:
    """Coroutine tests run on asyncio, as the daemon does."""
    return "asyncio"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An empty home, also for code that finds it by the environment."""
    root = tmp_path / "home"
    root.mkdir()
    monkeypatch.setenv(HOME_VARIABLE, str(root))
    return Home(root)
