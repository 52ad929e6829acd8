"""SIGKILL at failpoints and at any moment: nothing lost, doubled, torn or left behind, on either database."""

from __future__ import annotations

import shutil
import sqlite3
import statistics
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from config.paths import Home
from config.publish import TEMP_PREFIX
from tests.support.desks.databases import KINDS
from tests.support.faults.examination import Figures, Tables, examine
from tests.support.faults.failpoints import SIDES
from tests.support.faults.night_of_kills import night_of_kills
from tests.support.faults.quick_template import write_template
from tests.support.faults.seeded_kills import POINTS, Lives, live
from tests.support.servers.postgres import fresh_postgres_url

# More seeds, and their tally: python -m benchmarks.kills.
LIVES = 13
SEEDS = {"sqlite": 2, "postgresql": 12}
# They come when a night ends, which no life may reach on a busy machine; tests/faults/test_retraining_killed.py does.
LATE = {f"retraining.commit.{side}" for side in SIDES}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the home of each database has its folder."""
    return tmp_path_factory.mktemp("kills")


@pytest.fixture(scope="module")
def futures(root: Path) -> Iterator[dict[str, Future[Lives]]]:
    """A home of each database, which live side by side."""
    template = write_template(root / "template")

    def lives(kind: str) -> Lives:
        url = fresh_postgres_url() if kind == "postgresql" else None
        return live(SEEDS[kind], root / kind, template, database=url, number=LIVES)

    with ThreadPoolExecutor(len(KINDS)) as pool:
        yield {kind: pool.submit(lives, kind) for kind in KINDS}


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", KINDS)
def test_lives_that_end_at_once_leave_no_trace(kind: str, futures: dict[str, Future[Lives]]) -> None:
    lives = futures[kind].result()
    assert lives.faults == []
    assert lives.kills.total() >= LIVES - 2, "an orderly end may be quicker than the kill in its middle"
    assert lives.kills["failpoint"] >= LIVES / 3
    assert lives.counts["runs crashed"] > 0, "the kills have hit runs"
    assert lives.counts["retries"] > 0


@pytest.mark.timeout(1200)
def test_the_points_at_which_desks_are_killed_are_those_that_they_pass(futures: dict[str, Future[Lives]]) -> None:
    passed = set.union(*(future.result().passed for future in futures.values()))
    assert set(POINTS) - LATE - passed == set()
    assert {point for point in passed - set(POINTS) if not point.startswith(("log.", "home."))} == set()


def _flip_a_bit(home: Home) -> None:
    file = next(home.models.glob("AAPL/*/*/*.safetensors"))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def _delete_a_version(home: Home) -> None:
    shutil.rmtree(next(home.models.glob("AAPL/*/*")))


def _leave_unfinished_work(home: Home) -> None:
    (home.models / f"{TEMP_PREFIX}1").touch()


def _sql(statement: str) -> Callable[[Home], None]:
    def change(home: Home) -> None:
        with closing(sqlite3.connect(home.database)) as connection:
            assert connection.execute(statement).rowcount > 0
            connection.commit()

    return change


_SCHEDULED = "SELECT id FROM runs WHERE job = 'signals' AND trigger = 'schedule' ORDER BY id LIMIT 1 OFFSET 1"
_CRASHED = "SELECT id FROM runs WHERE state = 'crashed' ORDER BY id LIMIT 1"
_RETRIED = (
    "SELECT first.id FROM runs first JOIN runs retry ON retry.job = first.job"
    " AND retry.scheduled_for = first.scheduled_for WHERE first.state = 'crashed' AND retry.state = 'succeeded' LIMIT 1"
)
PLANTED: list[tuple[str, Callable[[Home], None]]] = [
    ("torn", _flip_a_bit),
    ("lost", _delete_a_version),
    ("left_behind", _leave_unfinished_work),
    ("lost", _sql(f"DELETE FROM runs WHERE id = ({_SCHEDULED})")),
    ("lost", _sql(f"UPDATE runs SET state = 'running' WHERE id = ({_SCHEDULED})")),
    ("lost", _sql(f"DELETE FROM runs WHERE parent_id = ({_CRASHED})")),
    ("doubled", _sql(f"UPDATE runs SET state = 'succeeded' WHERE id = ({_RETRIED})")),
    ("lost", _sql("UPDATE model_versions SET state = 'retired' WHERE state = 'champion'")),
    ("torn", _sql("UPDATE runs SET parent_id = 100000 WHERE parent_id IS NOT NULL")),
    ("duplicate_alerts", _sql("DELETE FROM outbox WHERE channel = 'webhook'")),
]


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("fault", "plant"), PLANTED)
def test_the_examination_finds_what_is_planted(
    fault: str, plant: Callable[[Home], None], futures: dict[str, Future[Lives]], root: Path, tmp_path: Path
) -> None:
    lives, home = futures["sqlite"].result(), Home(tmp_path / "home")
    shutil.copytree(root / "sqlite" / "home", home.root)
    assert lives.timetable is not None
    plant(home)
    figures = Figures()
    with Tables.of(home.database) as tables:
        examine(home, tables, lives.received, lives.timetable, figures)
    assert getattr(figures, fault) != []


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_night_of_two_hundred_kills_of_real_tasks_leaves_no_trace(home: Home) -> None:
    figures = night_of_kills(home, kills=200, seed=200)
    assert figures.faults == []
    assert figures.counts["runs crashed"] > 0, "the kills have hit runs"
    assert figures.counts["retries"] > 0
    assert figures.counts["alerts resolved"] > 0
    assert statistics.median(figures.recovered_in) < 2.0
