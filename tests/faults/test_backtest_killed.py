"""SIGKILL around the commit that records a backtest's decisions: all are there, or none; again, all are there once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import date

import pytest

from config.paths import Home
from daemon.store import get_session
from tests.support.faults import failpoints

BACKTEST = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from tests.support.faults import failpoints
failpoints.install()
from config.paths import Home
from config.settings import Settings
from daemon.core.dispatcher import Dispatcher
from daemon.domain.options import RunOptions
from data_pipeline.bars.store import BarStore
from data_pipeline.sources.sample import SampleSource
from tests.support.desks.night import WorkingExecutor, attend_all, request, scripted_desk
from trainers.analysts.strategies import load_strategy
home, now = Home(Path(sys.argv[1])), datetime(2024, 1, 3, tzinfo=UTC)
BarStore(home).save(SampleSource().fetch("BTC-USD", "1d", datetime(2023, 6, 1, tzinfo=UTC), now), now)
order = {"name": "baseline_v1", "strategy": load_strategy("baseline_v1").model_dump(mode="json")}
order |= {"symbols": ["BTC-USD"], "start": "2023-10-01", "end": "2023-12-31"}
settings = Settings.model_validate({"symbols": ["BTC-USD"], "sources": {"bars": "sample"}})
with scripted_desk(home, settings, now) as desk:
    desk.executor = WorkingExecutor(home, desk.clock.now)
    Dispatcher(desk).recover()
    request(desk, "backtest", options=RunOptions.of(backtest=order))
    asyncio.run(attend_all(Dispatcher(desk)))
"""


def backtest(home: Home, **variables: str) -> int:
    program = [sys.executable, "-c", BACKTEST, str(home.root)]
    return subprocess.run(program, check=False, env={**os.environ, **variables}, capture_output=True).returncode


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::data_pipeline.loader.SampleDataWarning")
@pytest.mark.parametrize(("side", "rows"), [("before", 0), ("after", 92)])
def test_a_backtest_that_is_killed_has_recorded_all_decisions_or_none(home: Home, side: str, rows: int) -> None:
    deadly = {failpoints.ROOT: str(home.root), failpoints.DEATH: f"decision.commit.{side} 1 self"}
    assert backtest(home, **deadly) == -signal.SIGKILL
    assert _recorded(home) == rows
    assert backtest(home) == 0
    assert _recorded(home) == 92


def _recorded(home: Home) -> int:
    with get_session(home) as session:
        return len(session.decisions("BTC-USD", date(2000, 1, 1), date(2100, 1, 1)))
