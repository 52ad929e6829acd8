"""A full disk, a kill, a damaged disk: whatever is there under a backup's name is a backup."""

from __future__ import annotations

import resource
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from config import NightdeskError, Settings
from config.paths import Home
from config.publish import remove_unfinished
from daemon import backups
from daemon.store import servings
from daemon.store.database import Database
from tests.support.faults.kills import kill_midway
from tests.support.models.model_folders import record_model, write_model

NOW = datetime(2026, 1, 5, 3, 4, 5, tzinfo=UTC)
LATER = NOW + timedelta(days=3650)
LARGE = 3_000_000
PROGRAM = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from config import Home, Settings
from daemon import backups
from daemon.store.database import Database

home = Home(Path(sys.argv[1]))
database, now = Database.open(home.database), datetime.fromisoformat(sys.argv[2])
print("ready", flush=True)
while True:
    now += timedelta(seconds=1)
    backups.take(home, database, now, Settings())
    backups.prune(home, 3)
"""


@pytest.fixture
def desk(home):
    """A home whose champion is larger than its database."""
    with closing(Database.open(home.database)) as database:
        sha256 = write_model(home, "AAPL", "v1", LARGE)

        def serve(c):
            version = record_model(c, "AAPL", "v1", sha256)
            assert servings.serve(c, "AAPL", "cloner", version.id, NOW, why="better", author="test")

        database.write(serve)
    return home


@contextmanager
def no_file_may_grow_beyond(size):
    """What a full disk or a quota does: the write itself fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def unfinished(home):
    return list(home.root.rglob(".unfinished-*"))


@pytest.mark.parametrize("room", [20_000, LARGE // 2], ids=["in the database", "in a model"])
def test_a_disk_that_fills_up_leaves_no_half_backup(desk, room):
    with closing(Database.open(desk.database)) as database:
        earlier = backups.take(desk, database, NOW - timedelta(days=1), Settings())
        (earlier.folder / "manifest.json").unlink()  # nothing to share, so everything must be copied
        with no_file_may_grow_beyond(room), pytest.raises(NightdeskError) as caught:
            backups.take(desk, database, NOW, Settings())
        assert caught.value.cure
        assert not desk.backup(NOW).exists()
        assert unfinished(desk) == []
        assert backups.verify(backups.take(desk, database, NOW, Settings()).folder)


def test_a_restore_onto_a_full_disk_leaves_no_desk_behind(desk, tmp_path):
    with closing(Database.open(desk.database)) as database:
        backup = backups.take(desk, database, NOW, Settings())
    new = Home(tmp_path / "new")
    with no_file_may_grow_beyond(LARGE // 2), pytest.raises(NightdeskError) as caught:
        backups.restore(backup.folder, new)
    assert caught.value.code == "restore.not_written"
    assert not new.database.exists()
    assert unfinished(new) == []


def test_a_killed_backup_is_never_taken_for_one(desk):
    for kill in range(5):
        start = NOW + timedelta(hours=kill)
        assert kill_midway(PROGRAM, desk.root, start.isoformat(), within=0.5, seed=kill)
        for folder in desk.backups:
            backups.verify(folder)
    assert desk.backups
    remove_unfinished(desk.root, LATER)
    assert unfinished(desk) == []
