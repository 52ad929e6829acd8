"""Make `home_0001.tar.xz`: a small home after two nights, with the schema of revision 0001.

    git worktree add ../nightdesk-0001 3386272
    python tests/golden/regenerate_home_0001.py ../nightdesk-0001

The second argument is a checkout of the last commit whose database is at revision 0001; its own code makes the home.
It has two symbols of the sample market, a cloner and an agent, thresholds that raise alerts, and a webhook without a
receiver. Market data is left out: the sample market makes it again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

TARGET = Path(__file__).with_name("home_0001.tar.xz")
SETTINGS = {
    "symbols": ["AAPL", "MSFT"],
    "model_types": ["behavioral_cloner", "a2c"],
    "model_params": {
        "behavioral_cloner": {"n_estimators": 3},
        "a2c": {"seeds": 1, "evaluations": 2, "agent": {"hidden_dim": 8}},
    },
    "training_params": {"lookback_days": 700, "steps": 2_000},
    "costs": {"commission": 0.0, "slippage": 0.0},
    "sources": {"bars": "sample", "expert_logs": {"when_missing": "sample"}},
    "promotion": {"confidence": 0.6, "min_trades": 1},
    "monitoring": {"min_sharpe_ratio": 20.0},
    "notifications": {
        "enabled": True,
        "webhook": {"url": "http://127.0.0.1:9/alerts", "secret_env": "HOME_0001_SECRET", "allow_private": True},
    },
}
# What a home can do without when it is opened again.
LEFT_OUT = ("data", "results", "logs", "quarantine", "-wal", "-shm", ".lock", ".token")


def make(checkout: Path, home: Path) -> None:
    """Two nights of the old code in `home`."""
    home.mkdir()
    (home / "training_config.json").write_text(json.dumps(SETTINGS, indent=2))
    environment = {**os.environ, "HOME_0001_SECRET": "a secret of thirty-two characters"}
    for _ in range(2):
        night = [sys.executable, "-m", "daemon.cli", "--home", str(home), "run-once", "all"]
        subprocess.run(night, cwd=checkout, env=environment, check=True)


def pack(home: Path, target: Path) -> None:
    """The files of `home` that matter, compressed; no owner and no group."""

    def anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if any(part.startswith(LEFT_OUT) or part.endswith(LEFT_OUT) for part in Path(entry.name).parts):
            return None
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        return entry

    with tarfile.open(target, "w:xz", preset=9) as archive:
        archive.add(home, arcname=".", filter=anonymous)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        make(Path(sys.argv[1]).resolve(), Path(folder) / "home")
        pack(Path(folder) / "home", TARGET)
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes")
