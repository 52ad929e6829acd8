"""A home that an older Nightdesk has made, under this one: nothing of it is lost, and its champions signal on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from config.paths import Home
from daemon import backups
from daemon.jobs.backup.tasks import restore_and_prove
from daemon.store import versions
from daemon.store.database import Database
from tests.support.desks.old_homes import old_home

ROOT = Path(__file__).parents[2]
CLONER = "behavioral_cloner"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return old_home(tmp_path_factory.mktemp("old") / "home")


def nightdesk(home: Home, *words: str) -> Any:
    """What the command answers, as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "daemon.cli", "--home", str(home.root), "--json", *words],
        cwd=ROOT,
        env={**os.environ, "HOME_0001_SECRET": "a secret of thirty-two characters"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_backup_that_the_older_one_took_can_be_restored(home: Home, tmp_path: Path) -> None:
    restored = restore_and_prove(backups.home_repository(home), Home(tmp_path / "scratch"))
    assert (restored.backup, restored.differs) == (home.backups[-1].name, {})
    assert [Path(champion).parts[1:3] for champion in sorted(restored.champions)] == [
        ("AAPL", CLONER),
        ("MSFT", CLONER),
    ]


def test_its_signals_models_and_alerts_are_shown(home: Home) -> None:
    signals = nightdesk(home, "signals")["items"]
    assert [(item["subject"], item["symbol"], item["action"]) for item in signals] == [
        ("AAPL", "AAPL", "hold"),
        ("MSFT", "MSFT", "buy"),
    ]
    versions = nightdesk(home, "models", "--symbol", "aapl")["items"]
    assert {(item["subject"], item["model_type"]) for item in versions} == {("AAPL", CLONER), ("AAPL", "a2c")}
    status = nightdesk(home, "status")
    serving = [(item["subject"], item["signal"] is not None) for item in status["models"] if item["champion"]]
    assert serving == [("AAPL", True), ("MSFT", True)]
    assert {item["subject"] for item in status["alerts"]} == {
        f"{item}/{CLONER}/evaluation" for item in ("AAPL", "MSFT")
    }


def test_its_champions_signal_about_new_bars(home: Home) -> None:
    nightdesk(home, "run-once", "data")
    (run,) = nightdesk(home, "run-once", "signals")["runs"]
    assert (run["state"], run["detail"]["succeeded"]) == ("succeeded", 2)
    database = Database.open(home.database)
    assert {version.version for version in database.read(versions.champions)} == {"20261130_150251_026537"}
    database.close()
