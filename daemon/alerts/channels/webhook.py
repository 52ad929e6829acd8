"""A signed webhook, sent with care: one address, checked; no redirects; one deadline for everything."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import socket
import ssl
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from config.errors import ConfigError, NightdeskError
from daemon.alerts.channels.addresses import Address, resolve
from daemon.alerts.message import Message

if TYPE_CHECKING:
    from config.secrets import Secret
    from daemon.system.clock import Clock

DEADLINE = 10.0
# Answers that will be the same however often this message is sent.
REFUSALS = frozenset({400, 413, 415, 422})
# Answers to a client that pass by themselves, as those of a server at fault (5xx) do.
PASSING = frozenset({408, 425, 429})


def sign(secret: Secret, at: int, body: bytes) -> str:
    """The header X-Nightdesk-Signature: `t=<unix>,v1=<hmac>`, HMAC-SHA256 in hex over `<unix>.<body>`.

    The time is signed too, so that a receiver can refuse what somebody recorded and plays back.
    """
    mac = hmac.new(secret.reveal().encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"


class WebhookChannel:
    """POSTs each message as JSON to one URL; `name` tells several webhooks apart."""

    def __init__(
        self,
        url: str,
        secret: Secret,
        clock: Clock,
        *,
        name: str = "webhook",
        allow_private: bool = False,
        deadline: float = DEADLINE,
    ) -> None:
        self.name = name
        self._secure, self._host, self._port, self._target = _parts(url)
        self._secret = secret
        self._clock = clock
        self._allow_private = allow_private
        self._deadline = deadline
        self._tls = ssl.create_default_context() if self._secure else None

    def send(self, message: Message) -> None:
        """Deliver `message`; only the status of the answer is read, its body never."""
        body = json.dumps(message.payload, separators=(",", ":")).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "nightdesk",
            "Idempotency-Key": message.key,
            "X-Nightdesk-Signature": sign(self._secret, int(self._clock.now().timestamp()), body),
            "Connection": "close",
        }
        end = time.monotonic() + self._deadline
        addresses = resolve(self._host, self._port, allow_private=self._allow_private, within=self._deadline)
        self._check_status(self._post(addresses, body, headers, end))

    def _post(self, addresses: list[Address], body: bytes, headers: dict[str, str], end: float) -> int:
        call = _Call(self._host, self._port, addresses, self._tls, end)
        cut = threading.Timer(max(end - time.monotonic(), 0.0), call.cut)
        cut.daemon = True
        cut.start()
        try:
            call.request("POST", self._target, body, headers)
            with call.getresponse() as answer:
                call.refuse_if_cut()
                return answer.status
        except (OSError, http.client.HTTPException) as error:
            late = call.was_cut or isinstance(error, TimeoutError)
            why = f"no answer within {self._deadline:g} s" if late else str(error) or type(error).__name__
            raise self._failed(why) from error
        finally:
            cut.cancel()
            cut.join()
            call.close()

    def _check_status(self, status: int) -> None:
        if 200 <= status < 300:
            return
        if 300 <= status < 400:
            raise NightdeskError(
                "notify.blocked",
                f"The webhook {self._host} answered {status}, a redirect; redirects are not followed.",
                f"Put the address it redirects to into the url of {self.name!r} in notifications, if you trust it.",
            )
        if status in REFUSALS:
            raise NightdeskError(
                "notify.blocked",
                f"The webhook {self._host} refused the message with {status}.",
                "Read the receiver's log; the same message will not be sent to it a second time.",
            )
        if 400 <= status < 500 and status not in PASSING:
            raise NightdeskError(
                "notify.rejected",
                f"The webhook {self._host} answered {status}: it takes nothing from this desk at this address.",
                f"Mend the url or secret of {self.name!r} in notifications, or the receiver; then it is sent.",
            )
        raise self._failed(f"it answered {status}")

    def _failed(self, why: str) -> NightdeskError:
        return NightdeskError(
            "notify.failed",
            f"The webhook {self._host} did not take the message: {why}.",
            f"It is retried. If it stays so, check the receiver and the url of {self.name!r} in notifications.",
        )


class _Call(http.client.HTTPConnection):
    """One connection to one of the checked addresses, that another thread may cut.

    A timeout of the socket alone would not do: it begins anew with every byte that a slow server lets drip.
    """

    def __init__(self, host: str, port: int, addresses: list[Address], tls: ssl.SSLContext | None, end: float) -> None:
        super().__init__(host, port)
        self._end = end
        self._addresses = addresses
        self._tls = tls
        self._handle: socket.socket | None = None
        self.was_cut = False

    def connect(self) -> None:
        """Connect to the first address that answers; TLS is verified with the name that was asked for."""
        plain = self._first_answer()
        # A second handle of the same connection, so that a cut also reaches it inside a TLS handshake.
        self._handle = plain.dup()
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host) if self._tls else plain

    def _first_answer(self) -> socket.socket:
        refused = OSError("the name has no address")
        for address in self._addresses:
            plain = socket.socket(address.family, socket.SOCK_STREAM)
            try:
                plain.settimeout(max(self._end - time.monotonic(), 0.001))  # what is left of the one deadline
                plain.connect(address.sockaddr)
            except OSError as error:
                plain.close()
                refused = error
                if self.was_cut:
                    break
            else:
                return plain
        raise refused

    def cut(self) -> None:
        """End the connection, whatever it is doing."""
        self.was_cut = True
        if self._handle is not None:
            with suppress(OSError):  # it ended by itself meanwhile
                self._handle.shutdown(socket.SHUT_RDWR)

    def refuse_if_cut(self) -> None:
        """Raise where what looks like the end of an answer is only the end of the patience."""
        if self.was_cut:
            raise TimeoutError

    def close(self) -> None:
        """Let go of both handles."""
        super().close()
        if self._handle is not None:
            self._handle.close()


def _parts(url: str) -> tuple[bool, str, int, str]:
    """Whether it is https, the host as DNS wants it, the port, and path with query."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise _bad_url() from error
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        raise _bad_url()
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not target.isascii() or any(ord(character) <= 32 for character in target):
        raise _bad_url()
    return parts.scheme == "https", host, port, target


def _bad_url() -> ConfigError:
    return ConfigError(
        "config.invalid",
        "The URL of a webhook in notifications cannot be used.",
        "Write http:// or https://, a host, and a path without spaces; no user name or password.",
    )
