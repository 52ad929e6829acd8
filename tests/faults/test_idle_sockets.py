"""A thousand sockets that ask for nothing: health is answered, and nobody's work is lost."""

from __future__ import annotations

import resource
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from config.paths import Home
from daemon.api import server as server_module
from daemon.api.connections import Connections, Limits
from tests.support.desks.fake_desk import FakeDesk, filled_desk
from tests.support.servers.http import client, serving

CROWD = 1000


@pytest.fixture(scope="module", autouse=True)
def _descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4 * CROWD), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def desk(home: Home) -> Iterator[FakeDesk]:
    with filled_desk(home) as desk:
        yield desk


def connect(url: str, first_bytes: bytes = b"") -> socket.socket:
    parsed = httpx.URL(url)
    connection = socket.create_connection((parsed.host, parsed.port), timeout=10)
    connection.sendall(first_bytes)
    return connection


def health(url: str, path: str = "/healthz") -> tuple[int, float]:
    """The status of a health check on a connection of its own, and how long it took."""
    began = time.monotonic()
    with client(url) as http:
        return http.get(path).status_code, time.monotonic() - began


@pytest.mark.parametrize("first_bytes", [b"", b"GET /healthz HTTP/1.1\r\nHost: lo"])
def test_health_is_answered_among_a_thousand_idle_sockets(desk: FakeDesk, first_bytes: bytes):
    with serving(desk) as url, ExitStack() as crowd:
        for _ in range(CROWD):
            crowd.enter_context(connect(url)).sendall(first_bytes)
        for path in ("/healthz", "/readyz", "/api/v1/status") * 5:
            status, seconds = health(url, path)
            assert status == 200
            assert seconds < 2


def test_whoever_opens_sockets_again_and_again_does_not_hold_the_door_shut(desk: FakeDesk):
    done = threading.Event()

    def open_again(url: str) -> None:
        held: deque[socket.socket] = deque()
        while not done.is_set():
            held.append(connect(url))
            if len(held) > CROWD:
                held.popleft().close()
        for connection in held:
            connection.close()

    with serving(desk) as url:
        attackers = [threading.Thread(target=open_again, args=(url,)) for _ in range(2)]
        for attacker in attackers:
            attacker.start()
        try:
            time.sleep(0.5)
            checks = [health(url) for _ in range(32)]
        finally:
            done.set()
            for attacker in attackers:
                attacker.join()
    assert [status for status, _ in checks] == [200] * 32
    assert max(seconds for _, seconds in checks) < 5


def test_a_request_under_way_is_never_dropped_for_a_crowd(desk: FakeDesk, monkeypatch: pytest.MonkeyPatch):
    asked, go_on = threading.Event(), threading.Event()

    def slow() -> list[str]:
        asked.set()
        go_on.wait(30)
        return []

    answers: list[int] = []
    with serving(desk) as url, ExitStack() as crowd:
        monkeypatch.setattr(desk, "readiness", slow)
        reader = threading.Thread(target=lambda: answers.append(health(url, "/readyz")[0]))
        reader.start()
        assert asked.wait(10)
        for _ in range(400):
            crowd.enter_context(connect(url))
        assert health(url)[0] == 200
        go_on.set()
        reader.join(30)
    assert answers == [200]


def test_when_every_place_is_at_work_health_has_places_of_its_own(desk: FakeDesk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(server_module, "Connections", lambda: Connections(Limits(total=2, reserve=0, health=1)))
    go_on = threading.Event()
    began = threading.Semaphore(0)

    def slow() -> list[str]:
        began.release()
        go_on.wait(30)
        return []

    with serving(desk) as url:
        monkeypatch.setattr(desk, "readiness", slow)
        readers = [threading.Thread(target=health, args=(url, "/readyz")) for _ in range(2)]
        for reader in readers:
            reader.start()
        assert all(began.acquire(timeout=10) for _ in readers)
        with client(url) as http:
            assert http.get("/healthz").status_code == 200
            busy = http.get("/api/v1/status")
        assert (busy.status_code, busy.json()["code"]) == (503, "server.busy")
        assert health(url)[0] == 200
        go_on.set()
        for reader in readers:
            reader.join(30)
        assert health(url, "/api/v1/status")[0] == 200
