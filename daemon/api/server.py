"""uvicorn with a socket bound before anything else, and limits for slow, large or endless requests."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import re
import socket
from asyncio import TimerHandle
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from config.errors import NightdeskError
from config.settings import Api
from daemon.api.callers import network
from daemon.api.connections import Connections
from daemon.api.guard import HEADERS
from daemon.api.problems import answer

# A request must be complete, and a reader must take what it asked for, in this time.
PATIENCE = 10.0
KEEP_ALIVE = 5
MAX_URL = 8 * 1024
MAX_HEADERS = 32 * 1024
MAX_HEADER_LINES = 100
BACKLOG = 1024
HEALTH = (b"/healthz", b"/readyz")
# Whoever is bound to every address is asked at this one.
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- compared, not bound


def bind(api: Api) -> socket.socket:
    """Listen at the configured address; clients may connect from here on and wait for the first answer."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            api.host, api.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _cannot_bind(api, error) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _cannot_bind(api, error) from error
    listener.setblocking(False)
    return listener


def _cannot_bind(api: Api, error: OSError) -> NightdeskError:
    place = f"{api.host}:{api.port}"
    if error.errno == errno.EADDRINUSE:
        return NightdeskError(
            "api.port_in_use",
            f"Another process listens on {place}.",
            "Stop it, or choose another port with --port or api.port (0 takes any that is free).",
        )
    return NightdeskError(
        "api.cannot_bind",
        f"Cannot listen on {place}: {error.strerror}.",
        "Choose another address with --host and --port, or api.host and api.port.",
    )


class Server:
    """The HTTP service on a socket that is already bound."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        self._listener = listener
        host, port = listener.getsockname()[:2]
        self._address = (_EVERYWHERE.get(host, host), port)
        self._server = _Uvicorn(
            uvicorn.Config(
                app,
                http=cast("type[asyncio.Protocol]", partial(Protocol, Connections())),
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="error",  # a stranger's junk is no news for the desk's log
                access_log=False,
                proxy_headers=False,  # a caller must not choose the address it seems to call from
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=2,
                backlog=BACKLOG,
            )
        )

    @property
    def url(self) -> str:
        """Where the page is, with the real port."""
        host, port = self._address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def serve(self) -> None:
        """Answer until `stop`."""
        await self._server.serve(sockets=[self._listener])

    def stop(self) -> None:
        """Take no more connections; requests under way get a moment to end."""
        self._server.should_exit = True


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the daemon's."""
        yield


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol with the limits it lacks: on time per request, headers, connections and slow readers."""

    caller = ""

    def __init__(self, table: Connections, **options: Any) -> None:
        super().__init__(**options)
        self._table = table
        self._health_only = False
        self._head_complete = False
        self._refusal: NightdeskError | None = None
        self._request_timer: TimerHandle | None = None
        self._reader_timer: TimerHandle | None = None
        self._header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock; a connection for which there is no place gets an error and is closed."""
        super().connection_made(transport)
        self._request_timer = self._abort_later()
        self.caller = network(self.client[0]) if self.client else ""
        admission = self._table.admit(self)
        self._health_only = admission == "health"
        if admission == "refused":
            self._refuse(_busy())

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        self._table.remove(self)
        for timer in (self._request_timer, self._reader_timer):
            if timer:
                timer.cancel()
        super().connection_lost(exc)

    @property
    def waits(self) -> bool:
        """Whether no request is being answered: there is none, or its body is not complete."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete or cycle.more_body

    def drop(self) -> None:
        """Close the connection at once, to make place for another."""
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Any byte beyond a complete request starts the clock of the next one, be it only a line break."""
        if self.transport.is_closing():
            return
        if self._request_timer is None:
            self._request_timer = self._abort_later()
            self._header_bytes = 0
        self._header_bytes += len(data)
        super().data_received(data)
        if self._header_bytes > MAX_HEADERS and not self.transport.is_closing():
            self._refuse(_headers_too_large())

    def on_url(self, url: bytes) -> None:
        """Refuse an address that is too long, also one that comes in one piece."""
        super().on_url(url)
        if len(self.url) > MAX_URL:
            self._stop(NightdeskError("request.url_too_long", "The address is too long.", "Send a shorter one."))

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._head_complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Refuse too many headers, also those that come in one piece; those behind a body mean nothing here."""
        if self._head_complete:
            return
        super().on_header(name, value)
        if len(self.headers) > MAX_HEADER_LINES or sum(map(_length, self.headers)) > MAX_HEADERS:
            self._stop(_headers_too_large())

    def on_chunk_header(self) -> None:
        """What follows a chunk's length may be headers behind the body, which nobody else counts."""
        self._header_bytes = 0

    def on_body(self, body: bytes) -> None:
        """Bytes of a body are counted by the guard."""
        self._header_bytes = -(2**63)
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """From here on bytes are counted as body, by the guard."""
        self._head_complete = True
        if not _is_own_target(self.url, self.headers):
            self._stop(
                NightdeskError("request.host", "The address names another host than the Host header.", "Send one host.")
            )
        if self._health_only and not self.url.partition(b"?")[0].endswith(HEALTH):
            self._stop(_busy())
        self._header_bytes = -(2**63)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole: the clock stops."""
        if self._request_timer:
            self._request_timer.cancel()
            self._request_timer = None
        self._header_bytes = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """A closing connection whose reader does not take the rest of its answer is cut."""
        super().on_response_complete()
        self._table.answered(self)
        if self.transport.is_closing():
            self._abort_later()

    def pause_writing(self) -> None:
        """The reader is slower than we are."""
        super().pause_writing()
        self._reader_timer = self._abort_later()

    def resume_writing(self) -> None:
        """The reader has caught up."""
        super().resume_writing()
        if self._reader_timer:
            self._reader_timer.cancel()
            self._reader_timer = None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 -- uvicorn's words are replaced by ours
        """Answer what is not HTTP, or more of it than we take, with a problem document."""
        malformed = NightdeskError(
            "request.malformed", "This is not a valid HTTP/1.1 request.", "Correct what the client sends."
        )
        self._refuse(self._refusal or malformed)

    def _stop(self, error: NightdeskError) -> None:
        """Let the parser stop at once: uvicorn takes any error of a callback to `send_400_response`."""
        self._refusal = error
        raise error

    def _refuse(self, error: NightdeskError) -> None:
        response = answer(error)
        headers = {**HEADERS, **response.headers, "connection": "close"}
        lines = [
            f"HTTP/1.1 {response.status_code} {error.code}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        self.transport.write("\r\n".join([*lines, "", ""]).encode("latin-1") + bytes(response.body))
        self.transport.close()
        self._abort_later()

    def _abort_later(self) -> TimerHandle:
        abort: Callable[[], None] = self.transport.abort
        return self.loop.call_later(PATIENCE, abort)


def _busy() -> NightdeskError:
    return NightdeskError("server.busy", "The desk has too many connections.", "Try again in a moment.")


def _headers_too_large() -> NightdeskError:
    return NightdeskError(
        "request.headers_too_large",
        f"There are more than {MAX_HEADER_LINES} headers, or more than {MAX_HEADERS} bytes of them.",
        "Send fewer or smaller ones.",
    )


def _length(header: tuple[bytes, bytes]) -> int:
    return len(header[0]) + len(header[1])


def _is_own_target(target: bytes, headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether an address with a host in it, as a client sends it to a proxy, names the host of the Host header."""
    scheme, has_scheme, rest = target.partition(b"://")
    if target.startswith(b"/") or not has_scheme:
        return True
    authority = re.split(rb"[/?#]", rest, maxsplit=1)[0]
    hosts = [value.strip() for name, value in headers if name == b"host"]
    return scheme.lower() in (b"http", b"https") and [authority.lower()] == [host.lower() for host in hosts]
