"""A real server on loopback over a desk, and a socket that speaks to it byte by byte."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvloop

from config.secrets import Secret
from config.settings import Api
from daemon.api.app import create_app
from daemon.api.server import Server, bind
from daemon.api.view import DeskView

TOKEN = "a-token-that-is-long-enough-for-anyone"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@contextmanager
def serving(desk: DeskView, api: Api | None = None) -> Iterator[str]:
    """Serve `desk` on a free port from a thread of its own; yields the address."""
    api = api or Api(port=0)
    server = Server(create_app(desk, Secret(TOKEN), api), bind(api))
    thread = threading.Thread(target=lambda: uvloop.run(server.serve()), name="http")
    thread.start()
    try:
        yield server.url
    finally:
        server.stop()
        thread.join(10)
        assert not thread.is_alive()


@contextmanager
def client(url: str) -> Iterator[httpx.Client]:
    """An HTTP client without a token; it loads no certificates, since loopback needs none."""
    with httpx.Client(base_url=url, trust_env=False, verify=False, timeout=10) as http:
        yield http


@contextmanager
def raw(url: str) -> Iterator[socket.socket]:
    """A bare connection."""
    parsed = httpx.URL(url)
    with socket.create_connection((parsed.host, parsed.port), timeout=10) as connection:
        yield connection


def read_to_end(connection: socket.socket) -> bytes:
    """All bytes until the server closes the connection; what came so far if it resets it."""
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except ConnectionError:
        return received
    return received
