from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime
from typing import Any

import pytest

from config.paths import Home
from config.settings import JobName
from daemon import bootstrap
from daemon.domain.options import RunOptions
from daemon.domain.runs import Owner, Run
from daemon.jobs.base import wait_for_upstream
from daemon.jobs.steps import STEPS, Ending, RunWork, Step
from daemon.store import runs
from daemon.store.database import Database

DEAD = Owner(pid=1, started=-1, boot="another boot")


async def well(_: RunWork) -> Ending:
    return Ending("succeeded")


@pytest.fixture(autouse=True)
def _every_step_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    for job in STEPS:
        monkeypatch.setitem(STEPS, job, Step(well, wait_for_upstream))


def left_due(home: Home, job: JobName, chain: tuple[JobName, ...] = (), **options: Any) -> Run:
    """What a process that is no more has left due."""
    now, database = datetime.now(UTC), Database.open(home.database)
    run = database.write(
        lambda c: runs.request(c, job, now=now, trigger="manual", chain=chain, options=RunOptions(**options))
    )
    database.close()
    return run


def once(home: Home, *jobs: JobName, **options: Any) -> list[Run]:
    return bootstrap.run_once(home, None, jobs, RunOptions(**options), lambda run, progress: None)


def ledger(home: Home) -> list[tuple[str, str, str | None]]:
    database = Database.open(home.database)
    recorded = database.read(runs.page)
    database.close()
    return [(run.job, run.state, run.cause) for run in reversed(recorded)]


def test_a_due_run_of_the_upstream_job_is_not_waited_for(home: Home) -> None:
    left_due(home, "training")
    assert [run.state for run in once(home, "evaluation")] == ["succeeded"]
    assert ledger(home) == [("training", "due", None), ("evaluation", "succeeded", None)]


def test_what_is_left_due_of_the_same_job_with_other_options_does_not_forbid_it(home: Home) -> None:
    left_due(home, "maintenance", symbols=["AAPL"])
    assert [run.state for run in once(home, "maintenance", symbols=["MSFT"])] == ["succeeded"]


def test_the_very_same_that_is_left_due_is_taken_up(home: Home) -> None:
    left_run = left_due(home, "data_update", ("training",), symbols=["AAPL"])
    assert once(home, "data_update", "training", symbols=["AAPL"])[0].id == left_run.id
    assert len(ledger(home)) == 2


@pytest.mark.parametrize("chain", [(), ("training", "evaluation")])
def test_the_jobs_that_were_named_run_whatever_would_follow_what_is_left_due(
    home: Home, chain: tuple[JobName, ...]
) -> None:
    left_due(home, "data_update", chain)
    assert [run.job for run in once(home, "data_update", "training")] == ["data_update", "training"]


def test_what_a_killed_desk_was_at_is_left_for_the_next_desk(home: Home) -> None:
    run = left_due(home, "backup")
    database = Database.open(home.database)
    database.write(lambda c: runs.claim(c, run.id, DEAD, run.recorded_at))
    database.close()
    once(home, "maintenance")
    assert ledger(home) == [
        ("backup", "crashed", "owner.dead"),
        ("backup", "due", None),
        ("maintenance", "succeeded", None),
    ]


def test_a_network_that_is_away_ends_the_job_and_not_the_night(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unreachable(_: RunWork) -> Ending:
        return Ending("failed", "data.unreachable")

    monkeypatch.setitem(STEPS, "data_update", Step(unreachable, wait_for_upstream))
    ended = [(run.job, run.state) for run in once(home, "data_update", "training")]
    assert ended == [("data_update", "failed"), ("training", "succeeded")]


def test_an_interrupted_run_is_not_retried(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async def interrupted(_: RunWork) -> Ending:
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(0.3)
        return Ending("failed", "task.cancelled")

    monkeypatch.setitem(STEPS, "data_update", Step(interrupted, wait_for_upstream))
    assert [run.state for run in once(home, "data_update", "training")] == ["cancelled"]
    assert ledger(home) == [("data_update", "cancelled", "interrupted")]
