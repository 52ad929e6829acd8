"""A hundred times: back up, lose everything, restore onto an empty home, predict."""

from __future__ import annotations

import shutil
from contextlib import closing
from datetime import timedelta

import pytest

from config import Settings
from config.settings import BackupPlace
from daemon import backups
from daemon.jobs.backup.tasks import restore_and_prove
from daemon.store import runs, versions
from daemon.store.database import Database
from daemon.store.dump import dump
from tests.support.desks.champions import NAME, NOW, serve_champion
from tests.support.markets.easy import easy_task
from trainers import TrainingContext, registry

CYCLES = 100


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_hundred_losses_lose_nothing(home, tmp_path):
    model = registry.get(NAME).train(easy_task(NAME), TrainingContext(seed=3))
    place = backups.open_place(BackupPlace(url=f"file://{tmp_path}/away"), home, create=True)
    with closing(Database.open(home.database)) as database:
        serve_champion(home, database, model)
    for cycle in range(CYCLES):
        now = NOW + cycle * timedelta(days=1)
        with closing(Database.open(home.database)) as database:
            run = database.write(lambda c, now=now: runs.request(c, "backup", now=now, trigger="manual"))
            assert run.id == cycle + 1
            if cycle % 10 == 9:
                serve_champion(home, database, model, f"v{cycle}")
            backup = backups.take(home, database, now, Settings())
            expected = database.read(dump)
        backups.copy(backups.home_repository(home), backup.name, place)
        backups.prune(place, 3)
        shutil.rmtree(home.root)
        restored = restore_and_prove(place, home)
        assert (restored.backup, restored.differs, len(restored.champions)) == (backup.name, {}, 1)
        with closing(Database.open(home.database)) as database:
            assert database.read(dump) == expected
            assert len(database.read(versions.champions)) == 1
    assert len(place.names()) == 3
