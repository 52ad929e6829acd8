"""Who may read and who may write: callers on this machine, those with the token, and browsers that have signed in."""

from __future__ import annotations

import hmac
from typing import Literal

from starlette.datastructures import Headers
from starlette.types import Scope

from config.errors import ConfigError, NightdeskError
from config.secrets import Secret
from config.settings import Api
from daemon.api import callers
from daemon.api.attempts import Attempts
from daemon.api.sessions import Sessions
from daemon.system.clock import Clock

MIN_TOKEN = 32
COOKIE = "nightdesk_session"
# A browser may send cookies of this name for several paths; more are not looked at.
MAX_COOKIES = 5

Grant = Literal["local", "token", "session"]


def check_bind(api: Api, token: Secret | None) -> None:
    """Refuse a token that can be guessed anywhere, and to serve others without one."""
    if token is None:
        if callers.is_loopback(api.host):
            return
        raise ConfigError(
            "api.token_required",
            f"api.host is {api.host!r}, which others can reach, and there is no token.",
            "Make one with `openssl rand -hex 32`, and set NIGHTDESK_TOKEN, or let api.token be its file:PATH; or "
            "bind to 127.0.0.1.",
        )
    if (length := len(token.reveal())) < MIN_TOKEN:
        raise ConfigError(
            "api.token_short",
            f"The API token has {length} characters; with fewer than {MIN_TOKEN} it can be guessed.",
            "Make one with `openssl rand -hex 32`, and put it where the old one stands: NIGHTDESK_TOKEN, "
            "what api.token refers to, or api.token in the home.",
        )
    if not all("!" <= character <= "~" for character in token.reveal()):
        raise ConfigError(
            "api.token_characters",
            "The API token has spaces or characters beyond ASCII, which an HTTP header does not carry.",
            "Make one with `openssl rand -hex 32`.",
        )


class Access:
    """Decides who may read and write.

    Args:
        api: how the desk is reached.
        token: what writing needs; None where a full disk took none: nobody can write then.
        sessions: those who have signed in, if there is a token to sign in with.
        clock: the desk's time.
    """

    def __init__(self, api: Api, token: Secret | None, sessions: Sessions | None, clock: Clock) -> None:
        self._behind_proxy = api.behind_proxy
        self._token = token
        self._sessions = sessions
        self._attempts = Attempts(clock)

    def check_reader(self, scope: Scope, headers: Headers) -> Grant:
        """By what the caller may read; an error if it may not."""
        if self._is_local(scope, headers):
            return "local"
        if (token := _bearer(headers)) is not None:
            self._check_token(token)
            return "token"
        if self._sessions is not None and any(map(self._sessions.is_open, sessions_of(headers))):
            return "session"
        raise _token_needed()

    def check_writer(self, headers: Headers) -> None:
        """A session is not enough: what a browser sends by itself starts nothing."""
        if self._token is None:
            raise NightdeskError(
                "request.token",
                "The desk has no token, since its disk was full when it started; so nobody can write.",
                "Free space and start the desk again: it makes a token.",
            )
        token = _bearer(headers)
        if token is None:
            raise _token_needed()
        self._check_token(token)

    def sign_in(self, token: str, scope: Scope, headers: Headers) -> str:
        """A new session for a caller that knows the token, unless it has sent too many others."""
        caller = callers.caller(scope, headers, behind_proxy=self._behind_proxy)
        self._attempts.check(caller)
        try:
            self._check_token(token)
        except NightdeskError:
            self._attempts.failed(caller)
            raise
        if self._sessions is None:
            raise _token_needed()
        return self._sessions.open()

    def sign_out(self, headers: Headers) -> None:
        """End the sessions that the browser shows."""
        if self._sessions is not None:
            for session in sessions_of(headers):
                self._sessions.close(session)

    def _is_local(self, scope: Scope, headers: Headers) -> bool:
        return not self._behind_proxy and callers.is_local(scope, headers)

    def _check_token(self, token: str) -> None:
        right = self._token.reveal() if self._token else ""
        if not right or not hmac.compare_digest(token.encode("utf-8", "replace"), right.encode()):
            raise NightdeskError(
                "request.token",
                "This is not the token of this desk.",
                "It is the value of NIGHTDESK_TOKEN, what api.token of the config refers to, or the file api.token.",
            )


def sessions_of(headers: Headers) -> list[str]:
    """The sessions that a browser shows."""
    pairs = (part.strip().partition("=") for line in headers.getlist("cookie") for part in line.split(";"))
    return [value for name, _, value in pairs if name == COOKIE][:MAX_COOKIES]


def _bearer(headers: Headers) -> str | None:
    """The token of a request; a proxy's own password is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _token_needed() -> NightdeskError:
    return NightdeskError(
        "request.token",
        "This needs the desk's token; the request has none.",
        "Send it as `Authorization: Bearer <token>`; to read, you can sign in on the page instead. It is the one you "
        "configured, or the content of api.token in the desk's home.",
    )
