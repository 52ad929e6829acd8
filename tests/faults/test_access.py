"""The real desk behind a proxy, among idle sockets, and with a token that can be guessed."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from config.errors import ConfigError
from config.paths import Home
from config.settings import JOBS
from tests.support.desks.running_desk import RunningDesk, write_config
from tests.support.servers.http import client

IDLE = 1000


def nightdesk(home: Home, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command of its own process beside the desk."""
    command = [sys.executable, "-m", "daemon.cli", "--home", str(home.root), *words]
    variables = {"PATH": "/usr/bin:/bin", **environment}
    return subprocess.run(
        command, cwd=Path(__file__).parents[2], env=variables, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_desk_behind_a_proxy_is_read_by_its_owner_and_by_health_checks_among_idle_sockets(home: Home):
    write_config(home, api={"behind_proxy": True}, jobs={job: {"enabled": False} for job in JOBS if job != "promotion"})
    with RunningDesk(home) as desk, ExitStack() as crowd:
        url = httpx.URL(desk.url or "")
        for _ in range(IDLE):
            crowd.enter_context(socket.create_connection((url.host, url.port), timeout=10))
        assert nightdesk(home, "health").returncode == 0
        assert nightdesk(home, "status").returncode == 0
        with client(str(url)) as stranger:
            assert stranger.get("/healthz").status_code == 200
            assert stranger.get("/readyz").status_code == 200
            refused = stranger.get("/api/v1/status")
            assert (refused.status_code, refused.json()["code"]) == (401, "request.token")
            page = stranger.get("/", headers={"Accept": "text/html"})
            assert (page.status_code, "Token of this desk" in page.text) == (401, True)
            token = home.token.read_text().strip()
            assert stranger.post("/sign-in", data={"token": token}).status_code == 303
            assert stranger.get("/api/v1/status").status_code == 200
        assert home.token.stat().st_mode & 0o777 == home.sessions.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("place", ["variable", "home"])
def test_a_token_that_can_be_guessed_starts_no_desk_also_on_this_machine(home: Home, place: str):
    write_config(home)
    if place == "home":
        home.token.write_text("guess me")
    variables = {"NIGHTDESK_TOKEN": "guess me"} if place == "variable" else {}
    refused = nightdesk(home, "--json", "run", "--port", "0", **variables)
    assert refused.returncode == ConfigError.exit_code, refused.stderr
    error = json.loads(refused.stderr.splitlines()[-1])["error"]
    assert error["code"] == "api.token_short"
    assert "openssl rand -hex 32" in error["cure"]
    assert "guess me" not in refused.stdout + refused.stderr
