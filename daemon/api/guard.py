"""The checks of every request before it reaches the desk, and the headers of every response."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.errors import NightdeskError
from config.settings import Api
from daemon.api import problems
from daemon.api.access import Access, Grant
from daemon.api.callers import host_name, is_loopback
from daemon.dashboard.sign_in import SIGN_IN, SIGN_OUT, SignInPage

logger = logging.getLogger(__name__)

MAX_BODY = 64 * 1024
READS = frozenset({"GET", "HEAD", "OPTIONS"})
# What everybody may read: health in codes, the page that asks for the token, and its style.
OPEN = frozenset({"/healthz", "/readyz", SIGN_IN})
OPEN_BELOW = "/static/"
# These take what a browser sends from a form, and no token.
FORMS = frozenset({SIGN_IN, SIGN_OUT})
FORM = "application/x-www-form-urlencoded"
POLICY = "Content-Security-Policy"
HEADERS = {
    POLICY: (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not `no-referrer`: with it a browser would hide the origin of our own forms, which `_check_same_site` reads.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
# Where a request says by what its caller may read.
GRANT = "nightdesk.grant"
CHECK_WRITER = "nightdesk.check_writer"  # of a read that may start a run


def grant(scope: Scope) -> Grant:
    """By what the caller of an admitted read may read."""
    granted: Grant = scope[GRANT]
    return granted


class Guard:
    """Pure ASGI: admits or refuses a request, and answers for whatever fails behind it."""

    def __init__(self, app: ASGIApp, *, api: Api, access: Access) -> None:
        self.app = app
        self.hosts = {api.host.lower(), *(host.lower() for host in api.allowed_hosts)}
        self.root_path = api.root_path
        self.access = access
        self.sign_in = SignInPage(api.root_path)

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
            await answering.instead(self._refusal(error, scope), scope, receive)
        except Exception:
            logger.exception("The request failed")
            await answering.instead(problems.answer(problems.failure()), scope, receive)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope = {**scope, "root_path": self.root_path}
        headers, path = Headers(scope=scope), self._path(scope)
        self._check_host(headers)
        if not path:
            await RedirectResponse(f"{self.root_path}/")(scope, receive, send)
            return
        if scope["method"] in READS:
            if not (path in OPEN or path.startswith(OPEN_BELOW)):
                scope = {**scope, GRANT: self.access.check_reader(scope, headers)}
            scope = {**scope, CHECK_WRITER: lambda: self.access.check_writer(headers)}
            # A HEAD is a GET whose body is not sent.
            method = "GET" if scope["method"] == "HEAD" else scope["method"]
            await self.app({**scope, "method": method}, receive, send)
            return
        _check_size(headers)
        _check_same_site(headers)
        if path in FORMS:
            _check_form(headers)
        else:
            self.access.check_writer(headers)
            _check_json(headers)
        body = await _read(receive)
        if body is not None:
            await self.app(scope, _replay(body, receive), send)

    def _path(self, scope: Scope) -> str:
        """The path below the one under which a proxy serves the desk, which the proxy may have taken away."""
        path: str = scope["path"]
        inside = path == self.root_path or path.startswith(f"{self.root_path}/")
        return path.removeprefix(self.root_path) if inside else path

    def _check_host(self, headers: Headers) -> None:
        """A page of another name that resolves to this machine (DNS rebinding) must not reach the desk."""
        hosts = headers.getlist("host")
        name = host_name(hosts[0]) if len(hosts) == 1 else None
        if name is None or not (is_loopback(name) or name in self.hosts):
            raise NightdeskError(
                "request.host",
                "The Host header names no host that this desk answers for.",
                "Use its own address, or add the name to api.allowed_hosts.",
            )

    def _refusal(self, error: NightdeskError, scope: Scope) -> ASGIApp:
        """The page to sign in for a browser that lacks a session, else a problem document."""
        headers = Headers(scope=scope)
        reads_page = scope["method"] in READS and "text/html" in headers.get("accept", "")
        if error.code != "request.token" or not reads_page:
            return problems.answer(error)
        query = scope["query_string"].decode("latin-1")
        # Browsers send no session along a link from another site; a page that loads itself again is our own.
        from_elsewhere = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        return self.sign_in.response(401, back_to=f"{self._path(scope)}?{query}".rstrip("?"), reload=from_elsewhere)


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


def _check_same_site(headers: Headers) -> None:
    """A browser says from where a request comes; only our own page may write."""
    origin = headers.get("origin")
    foreign_origin = origin is not None and urlsplit(origin).netloc.lower() != headers["host"].lower()
    if foreign_origin or headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise NightdeskError(
            "request.cross_site",
            "Another site's page sent this.",
            "Send it from the desk's own page, or with a client that is no browser. A proxy must pass the Host on.",
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


def _check_form(headers: Headers) -> None:
    if headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise NightdeskError("request.not_form", "The body is not a form.", f"Send it as {FORM}.")


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
