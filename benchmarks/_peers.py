"""Other libraries, measured beside ours: each in an environment of its own in the user's cache, on the same arrays."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from data_pipeline.bars.bars import Bars

MINUTES = 60


def measured(script: str, requirements: list[str], bars: Bars, *arguments: int) -> dict[str, Any] | None:
    """The JSON answer of `benchmarks/<script>` to these bars and `arguments`; None, with the reason printed,
    where it cannot run.
    """
    python = _environment(requirements)
    if python is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        columns = Path(folder) / "columns.npz"
        np.savez(columns, **{name: bars.frame[name].to_numpy() for name in bars.frame})
        command = [str(python), str(Path(__file__).parent / script), str(columns), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10 * MINUTES, check=False)
    if done.returncode:
        return _skipped(script, done.stderr)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _environment(requirements: list[str]) -> Path | None:
    """The interpreter of an environment with these packages, made at the first call."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nightdesk" / "peers"
    key = hashlib.sha256(" ".join([sys.version, *requirements]).encode()).hexdigest()[:12]
    folder = cache / key
    python = folder / "bin" / "python"
    if (folder / "ready").exists():
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", *requirements]
    done = subprocess.run(install, capture_output=True, text=True, timeout=10 * MINUTES, check=False)
    if done.returncode:
        shutil.rmtree(folder)
        return _skipped(" ".join(requirements), done.stderr)
    (folder / "ready").touch()
    return python


def _skipped(name: str, stderr: str) -> None:
    lines = [line for line in stderr.splitlines() if line.strip() and not line.startswith("[notice]")]
    print(f"{name}: skipped, {lines[-1] if lines else 'without a word'}")
