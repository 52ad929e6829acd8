"""SIGKILL at every put of a copy in an S3 bucket, and around deletes: what is named there is whole, always."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from config.paths import Home
from daemon import backups
from daemon.backups import Repository
from daemon.backups.copying import named_objects
from daemon.opening.identity import enter
from daemon.store.database import Database
from tests.support.desks.backed_up_home import NOW, SECOND, SETTINGS
from tests.support.faults import failpoints
from tests.support.servers.s3 import KEY, KEY_ID, s3_server
from tests.support.servers.s3 import NAME as BUCKET

ROOT = Path(__file__).parents[2]
# Forks a child for every order on its standard input, which copies and prunes, and is killed at a point.
COPIES = """
import os, sys
from pathlib import Path
from config.paths import Home
from daemon import backups
from daemon.backups import copying
import data_pipeline.buckets.s3
from tests.support.faults import failpoints

home, place = Home(Path(sys.argv[1])), backups.named_place(sys.argv[2])
copying.AT_ONCE = 1  # so that a kill hits one put, and none of its neighbours
for order in sys.stdin:
    point, keep = order.split()
    if (child := os.fork()) == 0:
        os.environ[failpoints.DEATH] = f"{point} 1 self"
        failpoints.install(worker=True)
        target = backups.open_place(place, home)
        backups.copy(backups.home_repository(home), home.backups[-1].name, target)
        backups.prune(target, int(keep))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
Copy = Callable[..., int]


@pytest.fixture
def place() -> Iterator[str]:
    with s3_server() as server:
        yield f"{server.url}/{BUCKET}/desks/1"


@pytest.fixture
def away(place: str, monkeypatch: pytest.MonkeyPatch, home: Home) -> Repository:
    monkeypatch.setenv("R2_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("R2_SECRET_ACCESS_KEY", KEY)
    return backups.open_place(backups.named_place(place), home)


@contextmanager
def copying(home: Home, place: str) -> Iterator[Copy]:
    """A function that copies the newest backup in a process which dies at a point; its exit status."""
    environment = {**os.environ, failpoints.ROOT: str(home.root)}
    command = [sys.executable, "-c", COPIES, str(home.root), place]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **pipes) as forks:

        def copy(point: str = "none", keep: int = 9) -> int:
            assert forks.stdin is not None
            assert forks.stdout is not None
            print(point, keep, file=forks.stdin, flush=True)
            return int(forks.stdout.readline())

        yield copy
        assert forks.stdin is not None
        forks.stdin.close()


def take(home: Home, number: int) -> str:
    """A backup that differs from the one before."""
    with closing(Database.open(home.database)) as database:
        enter(home, database, NOW)
        home.expert_logs.mkdir(parents=True, exist_ok=True)
        for name in ("AAPL", "MSFT"):
            (home.expert_logs / f"{name}.csv").write_text(f"{name} {number}")
        return backups.take(home, database, NOW + number * SECOND, SETTINGS).name


def whole(away: Repository) -> list[str]:
    """The backups at the place, each of which must be whole."""
    return [backups.verify(away, name).name for name in away.names()]


def missing(home: Home, away: Repository) -> set[str]:
    return backups.home_repository(home).objects().keys() - away.objects().keys()


def test_a_copy_killed_at_any_put_leaves_the_newest_backup_whole_and_the_next_copy_goes_on(
    home: Home, place: str, away: Repository
) -> None:
    first = take(home, 0)
    with copying(home, place) as copy:
        assert copy("remote.put.before") == copy("remote.put.after") == -signal.SIGKILL  # whose place it is
        assert copy() == 0
        second = take(home, 1)
        new = missing(home, away)
        assert len(new) >= 3
        for left in range(len(new), 0, -1):
            assert copy("remote_object.put.before") == -signal.SIGKILL
            assert len(missing(home, away)) == left
            assert copy("remote_object.put.after") == -signal.SIGKILL
            assert len(missing(home, away)) == left - 1
            assert whole(away) == [first]
        assert copy("remote_manifest.put.before") == -signal.SIGKILL
        assert whole(away) == [first]
        assert copy("remote_manifest.put.after") == -signal.SIGKILL
        assert whole(away) == [first, second]
        assert copy() == 0


def test_pruning_killed_at_any_delete_leaves_what_is_named_whole_and_the_next_collects_the_rest(
    home: Home, place: str, away: Repository
) -> None:
    with copying(home, place) as copy:
        for number, point in enumerate(["remote_manifest.delete.before", "remote_manifest.delete.after"]):
            take(home, 3 * number)
            assert copy() == 0
            names = [take(home, 3 * number + 1)]
            assert copy(point, keep=1) == -signal.SIGKILL
            assert whole(away)[-1:] == names
        for number, side in enumerate(failpoints.SIDES, start=3):
            names = [take(home, 3 * number)]
            assert copy(f"remote_object.delete.{side}", keep=1) == -signal.SIGKILL
            assert whole(away) == names
        names = [take(home, 20)]
        assert copy(keep=1) == 0
    assert whole(away) == names
    manifest = away.manifest(names[0])
    assert away.objects().keys() == named_objects(away, names[0], manifest)
