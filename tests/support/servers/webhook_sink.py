"""A webhook receiver on loopback: it records its requests and misbehaves as the test sets."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True)
class Received:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def key(self) -> str:
        return self.headers["Idempotency-Key"]

    @property
    def payload(self) -> dict[str, Any]:
        return json.loads(self.body)

    def signed_with(self, secret: str) -> bool:
        """What a receiver does to trust a message; written from the documentation, not from the sender's code."""
        fields = dict(part.split("=", 1) for part in self.headers["X-Nightdesk-Signature"].split(","))
        expected = hmac.new(secret.encode(), fields["t"].encode() + b"." + self.body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected, fields["v1"])


@dataclass
class WebhookSink:
    """Answers with `status`; `location` makes it redirect, `hang` seconds before the answer, `drip` seconds a byte.

    A message whose body contains `poison` is answered with 500.
    """

    status: int = 204
    poison: bytes | None = None
    location: str | None = None
    hang: float = 0.0
    drip: float = 0.0
    certificate: Path | None = None
    received: list[Received] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        if self.certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"{'https' if self.certificate else 'http'}://localhost:{self.port}/hook"

    def pause(self, seconds: float) -> bool:
        """Wait, but not past the end of the test; whether it went on to the end of the wait."""
        return not self._over.wait(seconds)


def _handler(sink: WebhookSink) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sink.received.append(Received(self.path, dict(self.headers), body))
            self._poisoned = sink.poison is not None and sink.poison in body
            if sink.hang and not sink.pause(sink.hang):
                return
            with suppress(ConnectionError, ssl.SSLError):
                self._drip() if sink.drip else self._answer()

        def _answer(self) -> None:
            self.send_response(500 if self._poisoned else sink.status)
            if sink.location:
                self.send_header("Location", sink.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _drip(self) -> None:
            self.wfile.write(b"HTTP/1.1 204 No Content\r\nX-Slow: ")
            while sink.pause(sink.drip):
                self.wfile.write(b"x")
                self.wfile.flush()

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def unused_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition: Any, seconds: float = 5.0) -> bool:
    """Whether `condition()` came true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return bool(condition())
