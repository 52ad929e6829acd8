"""A run in the desk, watched to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from daemon.cli.client import Client
from daemon.domain.runs import TERMINAL

INTERVAL = 0.5


def follow(client: Client, run_id: int, show: Callable[[str, float | None, str], None]) -> dict[str, Any]:
    """Show the progress of a run until it has ended; returns it as the API tells it."""
    while True:
        run: dict[str, Any] = client.get(f"/runs/{run_id}")
        ended = run["state"] in TERMINAL
        progress = run.pop("progress") or {"fraction": None, "message": run["state"]}
        show(run["name"], 1.0 if ended else progress["fraction"], run["state"] if ended else progress["message"])
        if ended:
            return run
        time.sleep(INTERVAL)
