"""The checks of every request before it reaches the desk, and the headers of every response."""

from __future__ import annotations

import hmac
import ipaddress
import logging
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.errors import ConfigError, NightdeskError
from config.secrets import Secret
from config.settings import Api
from daemon.api import problems

logger = logging.getLogger(__name__)

MAX_BODY = 64 * 1024
MIN_TOKEN = 32
READS = frozenset({"GET", "HEAD", "OPTIONS"})
# What a caller from another machine may read without the token: health, and a page without any data in it.
OPEN = frozenset({"/", "/healthz", "/readyz"})
OPEN_BELOW = "/static/"
POLICY = "Content-Security-Policy"
HEADERS = {
    POLICY: (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def is_loopback(host: str) -> bool:
    """Whether `host` is a name or an address of this machine for itself."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def check_bind(api: Api, token: Secret | None) -> None:
    """Refuse to serve beyond this machine without a token that cannot be guessed."""
    if is_loopback(api.host) or (token and len(token.reveal().encode()) >= MIN_TOKEN):
        return
    raise ConfigError(
        "api.token_required",
        f"api.host is {api.host!r}, which others can reach, and there is no token of {MIN_TOKEN} bytes or more.",
        "Set NIGHTDESK_TOKEN to a long random token, or api.token to env:NAME or file:PATH, or bind to 127.0.0.1.",
    )


class Guard:
    """Pure ASGI: admits or refuses a request, and answers for whatever fails behind it."""

    def __init__(self, app: ASGIApp, *, api: Api, token: Secret | None) -> None:
        self.app = app
        self.hosts = {api.host.lower(), *(host.lower() for host in api.allowed_hosts)}
        self.token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answering = _Answering(send, head=scope["method"] == "HEAD")
        try:
            await self._serve(scope, receive, answering)
        except NightdeskError as error:
            if problems.status_of(error) >= 500:
                logger.exception("The request failed", extra={"code": error.code})
            await answering.instead(problems.answer(error), scope, receive)
        except Exception:
            logger.exception("The request failed")
            await answering.instead(problems.answer(problems.failure()), scope, receive)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        self._check_host(headers)
        if scope["method"] in READS:
            self._check_reader(scope, headers)
            # A HEAD is a GET whose body is not sent.
            method = "GET" if scope["method"] == "HEAD" else scope["method"]
            await self.app({**scope, "method": method}, receive, send)
            return
        _check_size(headers)
        _check_same_site(headers)
        self._check_token(headers)
        _check_json(headers)
        body = await _read(receive)
        if body is not None:
            await self.app(scope, _replay(body, receive), send)

    def _check_host(self, headers: Headers) -> None:
        """A page of another name that resolves to this machine (DNS rebinding) must not reach the desk."""
        hosts = headers.getlist("host")
        name = _host_name(hosts[0]) if len(hosts) == 1 else None
        if name is None or not (is_loopback(name) or name in self.hosts):
            raise NightdeskError(
                "request.host",
                "The Host header names no host that this desk answers for.",
                "Use its own address, or add the name to api.allowed_hosts.",
            )

    def _check_reader(self, scope: Scope, headers: Headers) -> None:
        client = scope.get("client")
        from_here = client is not None and is_loopback(client[0])
        if not (from_here or scope["path"] in OPEN or scope["path"].startswith(OPEN_BELOW)):
            self._check_token(headers)

    def _check_token(self, headers: Headers) -> None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        right = self.token.reveal() if self.token else ""
        same = hmac.compare_digest(token.strip().encode("utf-8", "replace"), right.encode())
        if scheme.lower() != "bearer" or not right or not same:
            raise NightdeskError(
                "request.token",
                "This needs the desk's token; the request has none, or another.",
                "Send it as `Authorization: Bearer <token>`; it lies in api.token in the desk's home.",
            )


class _Answering:
    """`send`, which adds the headers of every response and notes whether one has begun."""

    def __init__(self, send: Send, *, head: bool) -> None:
        self.send = send
        self.head = head
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            for name, value in HEADERS.items():
                if name != POLICY or name not in headers:  # the page of a report brings a policy of its own
                    headers[name] = value
            headers.setdefault("Cache-Control", "no-store")
        elif self.head:
            message = {**message, "body": b""}
        await self.send(message)

    async def instead(self, response: ASGIApp, scope: Scope, receive: Receive) -> None:
        """Answer with `response`; where another answer has begun already, break the connection."""
        if self.begun:
            raise ConnectionError("the answer broke off")
        await response(scope, receive, self)


def _host_name(host: str) -> str | None:
    """The name in a Host header, without its port."""
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return None
    return name.rstrip(".") if name else None


def _check_same_site(headers: Headers) -> None:
    """A browser says from where a request comes; only our own page may write."""
    origin = headers.get("origin")
    foreign_origin = origin is not None and urlsplit(origin).netloc.lower() != headers["host"].lower()
    if foreign_origin or headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise NightdeskError(
            "request.cross_site",
            "Another site's page sent this.",
            "Send it from the desk's own page, or with a client that is no browser.",
        )


def _check_size(headers: Headers) -> None:
    length = headers.get("content-length", "0")
    if length.isascii() and length.isdigit() and int(length) > MAX_BODY:
        raise _too_large()


def _check_json(headers: Headers) -> None:
    has_body = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if (has_body or media_type) and media_type != "application/json":
        raise NightdeskError("request.not_json", "The body is not JSON.", "Send it as application/json.")


def _too_large() -> NightdeskError:
    return NightdeskError("request.too_large", f"The body is larger than {MAX_BODY} bytes.", "Send a smaller one.")


async def _read(receive: Receive) -> bytes | None:
    """The body, never more than the limit of it; None if the client has gone."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part: bytes = message.get("body", b"")
        body += part
        if len(body) > MAX_BODY:
            raise _too_large()
        if not message.get("more_body"):
            return body


def _replay(body: bytes, receive: Receive) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay
