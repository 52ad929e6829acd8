"""What a start, a training, a backup and a maintenance clear away after one that was killed."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path

from config.paths import Home
from config.publish import TEMP_PREFIX
from config.settings import Settings
from daemon.alerts.outbox import Outbox
from daemon.context import DeskContext
from daemon.core.desk import Desk
from daemon.core.dispatcher import Dispatcher
from daemon.store import runs, versions
from daemon.store.backups import recorded
from tests.support.desks.databases import NOON, add_version
from tests.support.desks.night import attend_all, every_run, request, scripted_desk

KIND = "cloner"


def versions_with_folders(house: DeskContext, *names: str) -> list[Path]:
    """Rejected versions of AAPL, oldest first, each with its folder."""
    for name in names:
        version = house.database.write(lambda c, name=name: add_version(c, name, model_type=KIND))
        house.database.write(lambda c, made=version: versions.set_state(c, made.id, "rejected", ("challenger",)))
        house.home.model("AAPL", KIND, name).mkdir(parents=True)
    return [house.home.model("AAPL", KIND, name) for name in names]


def test_a_start_removes_what_a_killed_desk_left_half_finished_and_nothing_newer(home: Home) -> None:
    with scripted_desk(home) as house:
        old, new = home.models / f"{TEMP_PREFIX}old", home.models / f"{TEMP_PREFIX}new"
        for folder, age in ((old, -1), (new, 1)):
            folder.mkdir(parents=True)
            at = (house.clock.now() + timedelta(minutes=age)).timestamp()
            os.utime(folder, (at, at))
        Desk(house, Outbox.of(house.database, house.settings, house.clock, house.log)).begin()
        assert (old.exists(), new.exists()) == (False, True)


def test_half_finished_copies_of_models_are_not_taken_for_models(home: Home) -> None:
    whole = home.model("AAPL", KIND, "v1")
    backup = home.backup(NOON) / "models" / "AAPL"
    drill = home.models / f"{TEMP_PREFIX}drill" / "models" / "AAPL"
    unfinished = home.models / "AAPL" / KIND / f"{TEMP_PREFIX}v2"
    for folder in (whole, backup, drill, unfinished, home.models_quarantine / "AAPL" / "v3"):
        folder.mkdir(parents=True)
    assert home.versions == {("AAPL", KIND, "v1")}


async def test_maintenance_finishes_a_deletion_that_another_was_killed_over(home: Home) -> None:
    with scripted_desk(home, Settings.model_validate({"retention": {"versions": 3}})) as house:
        folders = versions_with_folders(house, "v1", "v2", "v3", "v4", "v5")
        dead = house.database.read(lambda c: versions.find(c, "AAPL", KIND, "v1"))
        assert dead is not None
        house.database.write(lambda c: versions.set_state(c, dead.id, "deleted", ("rejected",)))
        request(house, "maintenance")
        await attend_all(Dispatcher(house))
        [run] = every_run(house)
        assert run.state == "succeeded"
        assert [folder.exists() for folder in folders] == [False, False, True, True, True]


async def test_a_backup_that_is_gone_from_the_disk_is_gone_from_the_ledger(home: Home) -> None:
    with scripted_desk(home) as house:
        for _ in range(2):
            request(house, "backup")
            await attend_all(Dispatcher(house))
            house.clock.move(timedelta(seconds=2))  # type: ignore[attr-defined]
        first, second = home.backups
        first.rename(home.models / f"{TEMP_PREFIX}{first.name}")
        request(house, "backup")
        await attend_all(Dispatcher(house))
        names = [record.name for record in house.database.read(recorded)]
        assert second.name in names
        assert first.name not in names


async def test_backups_within_one_second_have_names_of_their_own_though_the_first_is_gone(home: Home) -> None:
    settings = Settings.model_validate({"retention": {"backups": 1}})
    with scripted_desk(home, settings) as house:
        for _ in range(3):
            request(house, "backup")
            await attend_all(Dispatcher(house))
        assert [run.state for run in every_run(house)] == ["succeeded"] * 3
        assert [record.name for record in house.database.read(recorded)] == [folder.name for folder in home.backups]
        assert len(home.backups) == 1


async def test_maintenance_deletes_what_was_refused_long_ago(home: Home) -> None:
    with scripted_desk(home, Settings.model_validate({"retention": {"quarantine_days": 40}})) as house:
        now = house.clock.now()
        recent, old = (home.quarantine("yahoo", "AAPL", "1d", now - timedelta(days=days)) for days in (39, 41))
        torn = home.trades_quarantine / "merged_trades" / "torn_prices.json"
        for path, days in ((recent, 39), (old, 41), (torn, 41)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            modified_at = (now - timedelta(days=days)).timestamp()
            os.utime(path, (modified_at, modified_at))
        request(house, "maintenance")
        await attend_all(Dispatcher(house))
        assert every_run(house)[0].detail["refused"] == 2  # type: ignore[index]
        assert [path.exists() for path in (recent, old, torn)] == [True, False, False]


async def test_maintenance_keeps_the_newest_replaced_datasets_of_each_series(home: Home) -> None:
    with scripted_desk(home, Settings.model_validate({"retention": {"revisions": 2}})) as house:
        recent = {
            symbol: [home.revision("yahoo", symbol, "1d", f"d{n}") for n in range(4)] for symbol in ("AAPL", "MSFT")
        }
        newest = home.bars("yahoo", "AAPL", "1d")
        for age, path in [*enumerate(reversed(recent["AAPL"])), *enumerate(reversed(recent["MSFT"])), (99, newest)]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            os.utime(path, (1e9 - age, 1e9 - age))
        request(house, "maintenance")
        await attend_all(Dispatcher(house))
        assert every_run(house)[0].detail["revisions"] == 4  # type: ignore[index]
        for files in recent.values():
            assert [path.exists() for path in files] == [False, False, True, True]
        assert newest.exists()


async def test_maintenance_deletes_checkpoints_unless_a_training_may_go_on_from_them(home: Home) -> None:
    async def maintain() -> None:
        dispatcher = Dispatcher(house)
        await dispatcher.start_due(only=request(house, "maintenance").id)
        while dispatcher.busy:
            await asyncio.sleep(0.01)

    with scripted_desk(home) as house:
        checkpoint = home.checkpoints("AAPL", KIND, "v1") / "checkpoint.json"
        checkpoint.parent.mkdir(parents=True)
        checkpoint.touch()
        training = request(house, "training")
        await maintain()
        assert checkpoint.exists()
        house.database.write(lambda c: runs.finish(c, training.id, "cancelled", house.clock.now(), attempts=1))
        await maintain()
        assert not checkpoint.exists()
