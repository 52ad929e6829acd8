"""Kills a child process at a random moment of its work."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path


def kill_midway(program: str, *arguments: str | Path, within: float, seed: int) -> bool:
    """Run a Python `program`, and SIGKILL it up to `within` seconds after it printed `ready`; whether it still ran."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "ready"
        time.sleep(random.Random(seed).uniform(0.0, within))
        alive = child.poll() is None
        child.send_signal(signal.SIGKILL)
    return alive
