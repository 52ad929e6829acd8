"""Whoever answers a command that only looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from daemon.cli.choices import Choices
from daemon.cli.client import running


class Reader(Protocol):
    """What answers: the running desk, or the records of one that does not run."""

    def get(self, path: str, **query: Any) -> Any:
        """The JSON document at `path` below /api/v1."""


@contextmanager
def reader(global_options: Choices) -> Iterator[Reader]:
    """The running desk if there is one, else its records."""
    client = running(global_options)
    if client is not None:
        yield client
        return
    from daemon.cli.offline import records

    with records(global_options) as offline:
        yield offline
