"""Pulls that are killed, run out of disk, run at the same time, or get wrong answers: stored bars stay correct."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from config.errors import NightdeskError
from config.paths import Home
from config.publish import TEMP_PREFIX, remove_unfinished
from config.settings import Sources, YahooSource
from data_pipeline.bars.bars import Bars
from data_pipeline.bars.store import BarStore
from data_pipeline.pulls.update import Update, update_symbol
from data_pipeline.sources.sample import SampleSource
from tests.support.faults.disks import fill, small_disk
from tests.support.faults.kills import kill_midway
from tests.support.servers.fake_yahoo import FakeYahoo, _Handler, fake_yahoo

NOW = datetime(2024, 6, 14, 23, tzinfo=UTC)  # a Friday evening
WEEK = timedelta(days=7)

# Evening after evening, as fast as it can.
_EVENINGS = """
import sys
from datetime import datetime, timedelta
from pathlib import Path
from config.errors import NightdeskError
from config.paths import Home
from config.settings import Sources, YahooSource
from data_pipeline.pulls.update import update_symbol

home, sources = Home(Path(sys.argv[1])), Sources(bars="yahoo", yahoo=YahooSource(base_url=sys.argv[2]))
now = datetime.fromisoformat(sys.argv[3])
update_symbol(home, sources, "AAPL", "1d", now - timedelta(days=60))
print("ready", flush=True)
for days in range(59, -1, -1):
    try:
        update_symbol(home, sources, "AAPL", "1d", now - timedelta(days=days))
    except NightdeskError as error:
        if error.code != "data.empty":  # another pull is ahead by more than what is compared
            raise
"""


@pytest.fixture
def yahoo() -> Iterator[FakeYahoo]:
    with fake_yahoo() as server:
        server.serve("AAPL", SampleSource().fetch("AAPL", "1d", NOW - timedelta(days=400), NOW).frame)
        yield server


def _update(home: Home, yahoo: FakeYahoo, now: datetime = NOW) -> Update:
    return update_symbol(home, Sources(bars="yahoo", yahoo=YahooSource(base_url=yahoo.url)), "AAPL", "1d", now)


def _stored(home: Home) -> Bars:
    """What is stored; that it is what was stored once is checked by reading it."""
    return BarStore(home).load("AAPL", "1d", "yahoo")


def _assert_stored_whole(home: Home, yahoo: FakeYahoo) -> None:
    """The stored bars are those of an undisturbed pull."""
    expected = yahoo.rows["AAPL", "1d"]
    np.testing.assert_array_equal(_stored(home).frame[list(expected.columns)], expected)


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_pull_leaves_the_bars_of_some_evening_and_the_next_one_goes_on(
    home: Home, yahoo: FakeYahoo, seed: int
) -> None:
    yahoo.rows["AAPL", "1d"].iloc[-20, 3] = -1.0
    assert kill_midway(_EVENINGS, home.root, yahoo.url, NOW.isoformat(), within=0.4, seed=seed)
    stored = _stored(home)
    assert len(stored) >= 200
    update = _update(home, yahoo)
    assert update.fresh
    assert update.dataset.rows == len(yahoo.rows["AAPL", "1d"]) - 1
    assert update.dataset.why in ("first", "appended")
    remove_unfinished(home.root, datetime.now(UTC) + timedelta(minutes=1))
    assert BarStore(home).names() == [("AAPL", "1d", "yahoo")]


def test_two_pulls_of_one_symbol_at_once_leave_whole_bars(home: Home, yahoo: FakeYahoo) -> None:
    command = [sys.executable, "-c", _EVENINGS, str(home.root), yahoo.url, NOW.isoformat()]
    pulls = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [pull.wait(120) for pull in pulls] == [0, 0]
    _update(home, yahoo)
    _assert_stored_whole(home, yahoo)


@pytest.mark.parametrize("leave", [0, 4096, 12288])
def test_a_full_disk_leaves_the_old_bars_and_no_litter(tmp_path: Path, yahoo: FakeYahoo, leave: int) -> None:
    with small_disk(tmp_path / "disk", megabytes=2) as disk:
        home = Home(disk / "home")
        _update(home, yahoo, NOW - WEEK)
        before = _stored(home).fingerprint()
        ballast = fill(disk, leave)
        with pytest.raises(OSError, match="No space") as caught:
            _update(home, yahoo)
        assert caught.value.errno == errno.ENOSPC
        assert _stored(home).fingerprint() == before
        assert [path for path in home.root.rglob("*") if path.name.startswith(TEMP_PREFIX)] == []
        ballast.unlink()
        assert _update(home, yahoo).new_rows == 5
        _assert_stored_whole(home, yahoo)


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        ("empty", "data.empty"),
        ("no_rows", "data.empty"),
        ("429", "data.rate_limited"),
        ("down", "data.unreachable"),
        ("truncated", "data.schema"),
        ("missing_columns", "data.schema"),
        ("no_time_zone", "data.schema"),
        ("text_for_numbers", "data.schema"),
    ],
)
def test_after_any_wrong_answer_the_stored_bars_stay_and_the_next_pull_goes_on(
    home: Home, yahoo: FakeYahoo, failure: str, code: str
) -> None:
    _update(home, yahoo, NOW - WEEK)
    before = _stored(home).fingerprint()
    yahoo.fail(failure)
    with pytest.raises(NightdeskError, match=r"AAPL|yahoo") as caught:
        _update(home, yahoo)
    assert caught.value.code == code
    assert _stored(home).fingerprint() == before
    yahoo.fail(None)
    assert _update(home, yahoo, NOW + timedelta(hours=1)).new_rows == 5
    _assert_stored_whole(home, yahoo)


def test_an_answer_without_a_body_is_refused(home: Home, yahoo: FakeYahoo, monkeypatch: pytest.MonkeyPatch) -> None:
    _update(home, yahoo, NOW - WEEK)
    before, send = _stored(home).fingerprint(), _Handler._send

    def nothing(handler: _Handler, status: int, body: bytes, kind: str, **more: Any) -> None:
        send(handler, status, b"" if kind == "application/json" else body, kind, **more)

    monkeypatch.setattr(_Handler, "_send", nothing)
    with pytest.raises(NightdeskError, match="AAPL") as caught:
        _update(home, yahoo)
    assert caught.value.code == "data.schema"
    assert _stored(home).fingerprint() == before


def test_a_changed_time_zone_changes_nothing_that_is_stored(home: Home, yahoo: FakeYahoo) -> None:
    first = _update(home, yahoo)
    yahoo.fail("other_time_zone")
    assert _update(home, yahoo, NOW + timedelta(hours=1)).dataset == first.dataset


def test_a_last_bar_without_prices_is_waited_for(home: Home, yahoo: FakeYahoo) -> None:
    good = yahoo.rows["AAPL", "1d"].copy()
    yahoo.rows["AAPL", "1d"].iloc[-1, :4] = np.nan
    early = _update(home, yahoo)
    assert (early.fresh, early.quarantined, early.dataset.rows) == (False, {}, len(good) - 1)
    yahoo.rows["AAPL", "1d"] = good
    late = _update(home, yahoo, NOW + timedelta(hours=1))
    assert (late.fresh, late.new_rows, late.dataset.why) == (True, 1, "appended")


def test_a_time_that_is_sent_twice_is_stored_once(home: Home, yahoo: FakeYahoo) -> None:
    _update(home, yahoo, NOW - WEEK)
    rows = yahoo.rows["AAPL", "1d"]
    yahoo.rows["AAPL", "1d"] = pd.concat([rows, rows.iloc[[-1, -8]]]).sort_index(kind="stable")
    assert _update(home, yahoo).new_rows == 5
    yahoo.rows["AAPL", "1d"] = rows
    _assert_stored_whole(home, yahoo)
