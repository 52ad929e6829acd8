"""A desk whose disk is full at its start: what could not be written then is written later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from starlette.datastructures import Headers

from config import NightdeskError, Settings
from config.paths import Home
from config.settings import Api
from daemon import bootstrap
from daemon.api.access import Access
from daemon.domain.runs import Owner
from daemon.opening.database import open_database
from daemon.opening.identity import enter_late
from daemon.store import desks
from daemon.store.faults import StoreError
from daemon.system.clock import SystemClock
from daemon.system.log import Log
from tests.support.desks.backed_up_home import fill
from tests.support.faults import disks

CLOCK = SystemClock()


@pytest.fixture
def full_home(tmp_path: Path) -> Iterator[tuple[Home, Path]]:
    """A home that an earlier desk has left, without its desk.id, and the ballast that fills its disk."""
    with disks.small_disk(tmp_path / "disk", megabytes=16) as disk:
        home = Home(disk / "home")
        with closing(open_database(home, Settings(), CLOCK)) as opened:
            fill(home, opened.database)
            opened.database.write(lambda c: desks.enter(c, opened.desk, instance="before", host="h", now=CLOCK.now()))
        (home.results / "training-70").mkdir(parents=True)
        home.desk_id.unlink()
        yield home, disks.fill(disk, leave=0)


def test_the_desk_enters_its_database_as_soon_as_there_is_room(full_home: tuple[Home, Path]) -> None:
    home, ballast = full_home
    with closing(open_database(home, Settings(), CLOCK)) as opened:
        assert not home.desk_id.exists()
        with pytest.raises(StoreError, match="disk is full"):
            enter_late(home, opened.database, opened.desk, CLOCK.now())
        ballast.unlink()
        enter_late(home, opened.database, opened.desk, CLOCK.now())
        assert home.desk_id.read_text() == f"{opened.desk}\n"
        row = opened.database.read(desks.current)
        assert row is not None
        assert (row.id, row.instance, row.highest_run) == (opened.desk, Owner.me().instance, 70)


def test_a_desk_for_whose_token_there_is_no_room_serves_and_refuses_writers_with_the_cause(
    full_home: tuple[Home, Path], tmp_path: Path
) -> None:
    home, ballast = full_home
    with Log(Home(tmp_path), CLOCK, "quiet") as log:
        assert bootstrap._token_or_none(home, Api(), log, make=True) is None
        with pytest.raises(NightdeskError, match="its disk was full"):
            Access(Api(), None, None, CLOCK).check_writer(Headers({"authorization": "Bearer any"}))
        ballast.unlink()
        assert bootstrap._token_or_none(home, Api(), log, make=True)
