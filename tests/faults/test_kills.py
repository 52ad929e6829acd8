"""SIGKILL at failpoints and at any moment: nothing lost, doubled, torn or left behind, on either database."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from config.paths import Home
from tests.support.desks.databases import KINDS
from tests.support.faults.night_of_kills import night_of_kills
from tests.support.faults.quick_template import write_template
from tests.support.faults.seeded_kills import Lives, live
from tests.support.servers.postgres import fresh_postgres_url

# More seeds, and their tally: python -m benchmarks.kills.
LIVES = 15
SEEDS = {"sqlite": 1, "postgresql": 2}


@pytest.fixture(scope="module")
def futures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Lives]]]:
    """A home of each database, which live side by side."""
    root = tmp_path_factory.mktemp("kills")
    template = write_template(root / "template")

    def lives(kind: str) -> Lives:
        url = fresh_postgres_url() if kind == "postgresql" else None
        return live(SEEDS[kind], root / kind, template, database=url, number=LIVES)

    with ThreadPoolExecutor(len(KINDS)) as pool:
        yield {kind: pool.submit(lives, kind) for kind in KINDS}


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", KINDS)
def test_fifteen_lives_that_end_at_once_leave_no_trace(kind: str, futures: dict[str, Future[Lives]]) -> None:
    lives = futures[kind].result()
    assert lives.faults == []
    assert lives.kills.total() >= LIVES - 3, "an orderly end may be quicker than the kill in its middle"
    assert lives.kills["failpoint"] >= LIVES / 3
    assert lives.counts["runs crashed"] > 0, "the kills have hit runs"
    assert lives.counts["retries"] > 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_night_of_two_hundred_kills_of_real_tasks_leaves_no_trace(home: Home) -> None:
    figures = night_of_kills(home, kills=200, seed=200)
    assert figures.faults == []
    assert figures.counts["runs crashed"] > 0, "the kills have hit runs"
    assert figures.counts["retries"] > 0
    assert figures.counts["alerts resolved"] > 0
    assert statistics.median(figures.recovered_in) < 2.0
