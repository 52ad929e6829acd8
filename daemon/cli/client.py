"""A client of the running desk: its API, with its token."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode

from config.errors import ConfigError, NightdeskError, NotRunningError, UsageError
from config.paths import Home
from config.secrets import TOKEN_VARIABLE, Secret, read_secret, read_token
from daemon.cli.choices import Choices
from daemon.domain.tasks import Document
from daemon.system.lock import holder

PATIENCE = 15.0  # seconds
HEALTH_PATIENCE = 3.0  # seconds; a health check has a short timeout of its own
# A proxy has no business between two processes of one machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Client:
    """The API of a running desk."""

    def __init__(self, address: str, token: Secret | None) -> None:
        self._address = address
        self._token = token

    def get(self, path: str, **query: Any) -> Any:
        """The JSON document at `path` below /api/v1."""
        parameters = {name: value for name, value in query.items() if value is not None}
        return self._ask(f"{path}?{urlencode(parameters)}" if parameters else path)

    def post(self, path: str, body: Document) -> Any:
        """Send a command; needs the token."""
        return self._ask(path, json.dumps(body).encode())

    def _ask(self, path: str, body: bytes | None = None) -> Any:
        headers = {} if body is None else {"Content-Type": "application/json"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.reveal()}"
        request = urllib.request.Request(f"{self._address}/api/v1{path}", body, headers)  # noqa: S310 -- from our lock
        return _answer(self._address, request, PATIENCE)


def ask_health(home: Home) -> Any:
    """The answer of /healthz of the desk of this home; no config and no token are needed."""
    desk = holder(home)
    if desk is None or desk.api is None:
        raise NotRunningError("daemon.not_running", "No desk runs on this home.", "Start it with `nightdesk run`.")
    request = urllib.request.Request(f"{desk.api}/healthz")  # noqa: S310 -- from our lock
    return _answer(desk.api, request, HEALTH_PATIENCE)


def _answer(address: str, request: urllib.request.Request, patience: float) -> Any:
    try:
        with _OPENER.open(request, timeout=patience) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise _refusal(error) from None
    except (OSError, ValueError) as error:
        raise NotRunningError(
            "daemon.silent",
            f"The desk at {address} does not answer ({getattr(error, 'reason', error)}).",
            "See its log. If it ended or hangs, start it: the recorded runs go on.",
        ) from error


def _refusal(error: urllib.error.HTTPError) -> NightdeskError:
    """The API's problem document as the error it was made from."""
    try:
        problem = json.load(error)
        fields = {name: problem[name] for name in ("code", "detail", "cure")}
    except (OSError, ValueError, KeyError, TypeError):
        fields = {
            "code": "daemon.refused",
            "detail": f"The desk answered {error.code} {error.reason}.",
            "cure": "See its log.",
        }
    kind = UsageError if error.code in (404, 409, 422) else NightdeskError
    return kind(fields["code"], fields["detail"], fields["cure"])


def running(choices: Choices) -> Client | None:
    """A client of the desk that runs on this home, if one does."""
    desk = holder(choices.home)
    if desk is None or desk.api is None:
        return None
    return Client(desk.api, _token(choices))


def _token(choices: Choices) -> Secret | None:
    """The token, read as the daemon reads it; None where this user cannot read it."""
    try:
        return read_token(_token_reference(choices)) or read_secret("API token", file=choices.home.token)
    except ConfigError:
        return None


def _token_reference(choices: Choices) -> str | None:
    """Where the config says that the token is; None also for a config that cannot be used."""
    try:
        return None if os.environ.get(TOKEN_VARIABLE) else choices.settings().api.token
    except ConfigError:
        return None
