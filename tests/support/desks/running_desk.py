"""`nightdesk run` as the real process it is: started, asked over HTTP, signalled, killed, and never left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import httpx

from config.paths import Home
from daemon.executors.local import home_mark
from daemon.executors.worker import processes
from daemon.system.lock import holder
from tests.support.markets.easy import write_easy_market

# Patience, not expectation: a machine with other work on it is slow, and no test should fail for that.
PATIENCE = 120.0


class RunningDesk:
    """The desk of `home`, in a process of its own while the block lasts.

    Args:
        home: where it lives.
        options: more options of `nightdesk run`.
        environment: more variables.
        before: words before the command, such as `setpriv ...` or `prlimit ...`.
        wait: whether entering the block waits until the desk answers.
        program: the module that is run as `nightdesk`.
    """

    def __init__(
        self,
        home: Home,
        *options: str,
        environment: dict[str, str] | None = None,
        before: Sequence[str] = (),
        wait: bool = True,
        program: str = "daemon.cli",
    ) -> None:
        self.home = home
        self._command = [*before, sys.executable, "-m", program, "--home", str(home.root), "run", *options]
        self._environment = {**os.environ, **(environment or {})}
        self._wait = wait

    def __enter__(self) -> Self:
        if "--port" not in self._command:
            self._command += ["--port", "0"]
        self._printed = tempfile.NamedTemporaryFile()  # not in the home, whose disk may be full
        self.began = time.time()
        self._process = subprocess.Popen(
            self._command,
            cwd=Path(__file__).parents[3],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._printed,
            stderr=subprocess.STDOUT,
        )
        if self._wait:
            try:
                self.wait_for(lambda: self.url)
            except BaseException:
                self._end()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        self.kill()
        if self.home.root.is_dir():
            processes.kill_family(home_mark(self.home))
        self._printed.close()

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def url(self) -> str | None:
        """Where its API is; None until it serves."""
        lock_holder = holder(self.home)
        return lock_holder.api if lock_holder is not None and lock_holder.owner.pid == self.pid else None

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll()

    @property
    def printed(self) -> str:
        """What it printed on the terminal."""
        return Path(self._printed.name).read_text("utf-8", "replace")

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """What this process logged, of one name or all."""
        lines = re.findall(r"^\{.*\}$", self.printed, re.MULTILINE)
        return [event for event in map(json.loads, lines) if name in (None, event["event"])]

    def workers(self) -> set[int]:
        """The processes of this home besides the desk itself."""
        return processes.marked(home_mark(self.home)) & processes.table().keys()

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Its answer to a request with the write token."""
        token = self.home.token.read_text().strip() if self.home.token.exists() else ""
        address = f"{self.url}{path if path.endswith('z') else '/api/v1' + path}"
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(trust_env=False, verify=False, timeout=30) as http:
            return http.request(method, address, headers=headers, **options)

    def get(self, path: str) -> Any:
        """The document at `path`, which must be there."""
        response = self.ask("GET", path)
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The answer to a command, which must be taken."""
        response = self.ask("POST", path, json=body or {})
        assert response.status_code in (200, 202), response.text
        return response.json()

    def status(self) -> dict[str, Any]:
        """The desk at a glance."""
        return self.get("/status")

    def problems(self) -> list[str]:
        """What /readyz names; empty when the desk is ready."""
        response = self.ask("GET", "/readyz")
        return [error["message"] for error in response.json()["errors"]] if response.status_code == 503 else []

    def runs(self, **query: Any) -> list[dict[str, Any]]:
        """The newest runs."""
        return self.ask("GET", "/runs", params={"limit": 500, **query}).json()["items"]

    def unfinished(self) -> list[dict[str, Any]]:
        """The runs that have not come to their end."""
        return [run for run in self.runs() if run["finished_at"] is None]

    def wait_for(self, condition: Callable[[], Any], timeout: float = PATIENCE) -> Any:
        """The first true value that `condition` returns; fails if the desk ends before that."""
        end = time.monotonic() + timeout
        while not (value := condition()):
            assert self.code is None, f"the desk ended with {self.code}: {self.printed[-2000:]}"
            assert time.monotonic() < end, f"this did not come true in {timeout} s: {self.printed[-2000:]}"
            time.sleep(0.05)
        return value

    def rest(self, timeout: float = PATIENCE) -> None:
        """Wait until nothing is due and nothing is at work."""
        self.wait_for(lambda: not self.unfinished(), timeout)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Its exit code, when it has ended."""
        return self._process.wait(timeout)

    def terminate(self, timeout: float = PATIENCE) -> int:
        """Ask it to end; its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def kill(self) -> None:
        """SIGKILL; nothing of it runs after this."""
        self._process.kill()
        self._process.wait()


def write_config(home: Home, **changes: Any) -> None:
    """A config for small nights on a market that anybody can trade: one symbol, tiny forests, few folds."""
    symbols = changes.get("symbols", ["AAPL"])
    market = home.root / "market"
    settings: dict[str, Any] = {
        "symbols": symbols,
        "sources": changes.get("sources") or write_easy_market(market, symbols),
        "training_params": {"lookback_days": 1500},
        "walk_forward": {"test": 252},
        "model_params": {"behavioral_cloner": {"n_estimators": 5}},
        **changes,
    }
    home.root.mkdir(parents=True, exist_ok=True)
    temp = home.config.with_suffix(".new")
    temp.write_text(json.dumps(settings, indent=2), "utf-8")
    temp.replace(home.config)
