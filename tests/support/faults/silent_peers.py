"""A peer that is gone without a word: packets of a port of loopback are dropped, and no connection is closed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


def _rules(action: str, port: int) -> list[list[str]]:
    return [
        ["iptables", "-w", action, "INPUT", "-i", "lo", "-p", "tcp", f"--{side}port", str(port), "-j", "DROP"]
        for side in ("s", "d")
    ]


@contextmanager
def silent(port: int) -> Iterator[None]:
    """Drop every packet of this port meanwhile; skips the test where that cannot be arranged."""
    if shutil.which("iptables") is None:
        pytest.skip("there is no iptables, so packets cannot be dropped")
    added = []
    try:
        for rule in _rules("-A", port):
            done = subprocess.run(rule, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                pytest.skip(f"packets cannot be dropped: {done.stderr.strip()}")
            added.append(rule)
        yield
    finally:
        for rule in _rules("-D", port)[: len(added)]:
            subprocess.run(rule, check=True)
