"""SIGKILL around the commit that starts a retraining: it is started once, whatever the next process finds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from config.paths import Home
from daemon.store import retrainings, runs
from daemon.store.database import Database
from tests.support.faults import failpoints

# Recovers what a killed process left, and checks the performance once: by its retry, else by a new run.
CHECK = """
import asyncio, sys
from pathlib import Path
from tests.support.faults import failpoints
failpoints.install()
from config.paths import Home
from daemon.core.dispatcher import Dispatcher
from daemon.store import runs
from tests.support.desks.inaccurate_champion import attended, inaccurate_desk
from tests.support.desks.night import request
with inaccurate_desk(Home(Path(sys.argv[1]))) as desk:
    Dispatcher(desk).recover()
    due = [run for run in desk.database.read(lambda c: runs.due(c, desk.clock.now())) if run.job != "training"]
    asyncio.run(attended(desk, due[0] if due else request(desk, "performance_check")))
"""


def check(home: Home, **variables: str) -> int:
    program = [sys.executable, "-c", CHECK, str(home.root)]
    return subprocess.run(program, check=False, env={**os.environ, **variables}, capture_output=True).returncode


@pytest.mark.parametrize("side", ["after", pytest.param("before", marks=pytest.mark.slow)])
def test_a_desk_that_is_killed_around_the_start_of_a_retraining_starts_one(home: Home, side: str) -> None:
    home.root.mkdir(parents=True, exist_ok=True)
    deadly = {failpoints.ROOT: str(home.root), failpoints.DEATH: f"retraining.commit.{side} 1 self"}
    assert check(home, **deadly) == -signal.SIGKILL
    assert check(home) == 0
    database = Database.open(Path(home.database))
    ledger, rows = database.read(lambda c: (runs.page(c), retrainings.page(c)))
    database.close()
    assert [run.state for run in ledger if run.job == "performance_check"] == ["succeeded", "crashed"]
    [training] = [run for run in ledger if run.job == "training"]
    assert [row.run_id for row in rows] == [training.id]
