"""A run in the running desk, watched to its end."""

from __future__ import annotations

import time
from collections.abc import Callable

from daemon.api.answers import RunWithTasks
from daemon.cli.client import Client
from daemon.domain.runs import TERMINAL
from daemon.domain.tasks import Document

INTERVAL = 0.5


def follow(client: Client, run_id: int, show: Callable[[str, float | None, str], None]) -> Document:
    """Show the progress of a run until it has ended; returns the run as the API answers it, without its progress."""
    while True:
        document: Document = client.get(f"/runs/{run_id}")
        run = RunWithTasks.model_validate(document)
        if run.state in TERMINAL:
            show(run.name, 1.0, run.state)
            document.pop("progress")
            return document
        if run.progress is not None:
            show(run.name, run.progress.fraction, run.progress.message)
        else:
            show(run.name, None, run.state)
        time.sleep(INTERVAL)
