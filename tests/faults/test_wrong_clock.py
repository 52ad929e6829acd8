"""A real desk whose machine has a wrong clock, years ahead and then set right; and the owner's own files meanwhile."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.paths import Home
from config.settings import JOBS
from tests.support.desks.running_desk import RunningDesk

ROOT = Path(__file__).parents[2]
# Python runs a module of this name in every process that has its folder on the path: the desk and its workers alike.
SHIFT = """
from datetime import timedelta
from daemon.system.clock import SystemClock

true = SystemClock.now
SystemClock.now = lambda clock: true(clock) + timedelta(days=6 * 365)
"""
# The misses that a jump of six years may bring: a month of every job.
A_MONTH = 31 * len(JOBS)


def files_of_the_owner(home: Home) -> dict[Path, bytes]:
    """Files that no ledger names, in every folder that a desk clears, ten years old."""
    paths = [
        home.results / "my_thesis" / "chapter1.md",
        home.results / "evaluation-1" / "AAPL" / "my_remarks.md",
        home.models / "AAPL" / "behavioral_cloner" / "why_I_trust_it.txt",
        home.data_quarantine / "mine.csv",
        home.logs / "runs" / "mine.txt",
        home.root / "notes.xlsx",
    ]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"This is mine: {path.name}")
        os.utime(path, (1_450_000_000, 1_450_000_000))
    return {path: path.read_bytes() for path in paths}


def prunable(home: Home) -> set[Path]:
    """The files of versions, backups and reports."""
    return {path for folder in (home.models, home.results) for path in folder.rglob("*") if path.is_file()}


def maintained(desk: RunningDesk) -> tuple[str, str | None]:
    """How a maintenance that is asked for now ends, and why."""
    desk.rest()
    run = desk.post("/jobs/maintenance/run")
    desk.rest()
    ended = desk.get(f"/runs/{run['id']}")
    return ended["state"], ended["cause"]


@pytest.fixture
def six_years_ahead(tmp_path: Path) -> dict[str, str]:
    """Variables of a process whose clock on the wall is six years ahead."""
    (tmp_path / "sitecustomize.py").write_text(SHIFT)
    return {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}


def test_a_clock_years_ahead_prunes_nothing_and_what_it_brought_is_not_served_when_it_is_set_right(
    rested: Home, six_years_ahead: dict[str, str]
) -> None:
    """Rows 32 and 33 of the fault table."""
    own, before = files_of_the_owner(rested), prunable(rested)
    with RunningDesk(rested, environment=six_years_ahead) as ahead:
        assert maintained(ahead) == ("skipped", "clock.jumped")
        assert [signal["stale"] for signal in ahead.get("/signals")["items"]] == [True]
        assert len([run for run in ahead.runs() if run["state"] == "missed"]) <= A_MONTH
        assert ahead.terminate() == 0
    assert before - prunable(rested) == set()
    with RunningDesk(rested) as right:
        right.rest()
        run = right.post("/jobs/signals/run")
        right.rest()
        assert right.get(f"/runs/{run['id']}")["state"] == "succeeded"
        (served,) = right.get("/signals")["items"]
        assert not served["stale"]
        assert datetime.fromisoformat(served["published_at"]) <= datetime.now(UTC)
        assert maintained(right)[0] == "succeeded"
        assert right.terminate() == 0
    assert before - prunable(rested) == set()
    assert {path: path.read_bytes() for path in own} == own
