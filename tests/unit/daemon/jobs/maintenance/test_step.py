"""What a start, a training, a backup and a maintenance clear away after one that was killed."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import update

from config.paths import Home
from config.publish import TEMP_PREFIX
from config.settings import Settings
from daemon.alerts.outbox import Outbox
from daemon.context import DeskContext
from daemon.core.desk import Desk
from daemon.core.dispatcher import Dispatcher
from daemon.domain.runs import Owner, Run
from daemon.store import datasets, evaluations, records, runs, servings, tables, versions
from daemon.store.backups import recorded
from data_pipeline.buckets.log_index import Fetched, LogIndex
from tests.support.desks.databases import NOON, add_version
from tests.support.desks.night import attend_all, every_run, request, scripted_desk

KIND = "cloner"
OWNER = Owner.me()


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


def written(path: Path, at: datetime) -> Path:
    """A file last changed at `at`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"content")
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def record_bars(house: DeskContext, dataset: str, symbol: str = "AAPL") -> None:
    """Bars of a symbol from Yahoo in the ledger of datasets."""
    new = datasets.NewDataset(
        dataset=dataset, kind="bars", source="yahoo", symbol=symbol, interval="1d",
        first=NOON, last=NOON, rows=1, pulled_at=NOON,
    )  # fmt: skip
    house.database.write(lambda c: datasets.record(c, new))


def ended_run(house: DeskContext, days: int) -> Run:
    """An evaluation that ended `days` ago."""
    at = house.clock.now() - timedelta(days=days)
    recorded = house.database.write(
        lambda c: runs.record(c, "evaluation", at, now=at, trigger="manual", state="cancelled")
    )
    assert recorded is not None
    return recorded


async def maintained(house: DeskContext) -> dict[str, Any]:
    ended_run(house, days=8)  # the desk was at work last week too, so its clock is believed
    request(house, "maintenance")
    await attend_all(Dispatcher(house))
    run = every_run(house)[-1]
    assert (run.job, run.state) == ("maintenance", "succeeded")
    return run.detail or {}


async def test_maintenance_deletes_what_was_refused_long_ago(home: Home) -> None:
    with scripted_desk(home, Settings.model_validate({"retention": {"quarantine_days": 40}})) as house:
        now = house.clock.now()
        record_bars(house, "d0")
        kept, old = (
            written(home.quarantine("yahoo", "AAPL", "1d", now - timedelta(days=days)), now) for days in (39, 41)
        )
        torn = written(home.trades_quarantine / "merged_trades" / "torn_prices.json", now - timedelta(days=41))
        index = LogIndex(home)
        index.add("merged_trades/torn_prices.json", "etag", Fetched("r2.torn"))
        index.save()
        assert (await maintained(house))["refused"] == 2
        assert [path.exists() for path in (kept, old, torn)] == [True, False, False]


async def test_files_of_the_owner_are_never_deleted_however_old_they_are(home: Home) -> None:
    with scripted_desk(home) as house:
        record_bars(house, "d0")
        run, long_ago = ended_run(house, days=100), house.clock.now() - timedelta(days=1000)
        report = written(
            home.report(run.name, "AAPL") / "cloner" / "report.json", house.clock.now() - timedelta(days=101)
        )
        log = written(home.run_log(run.name), long_ago)
        own = [
            home.results / "my_thesis" / "chapter1.md",
            home.results / "notes.xlsx",
            home.results / "evaluation-999" / "report.json",
            home.data_quarantine / "mine.csv",
            home.data_quarantine / "yahoo" / "AAPL" / "1d-copy.parquet",
            home.trades_quarantine / "merged_trades" / "mine.json",
            home.logs / "runs" / "mine.txt",
            *(home.revision("yahoo", "AAPL", "1d", f"mine{n}") for n in range(9)),
        ]
        for path in own:
            written(path, long_ago)
        later = written(home.result(run.name) / "AAPL" / "my_remarks.md", house.clock.now() - timedelta(days=95))
        detail = await maintained(house)
        assert (detail["results"], detail["logs"], detail["refused"], detail["revisions"]) == (1, 1, 0, 0)
        assert [path for path in (*own, later) if not path.exists()] == []
        assert (report.parent.exists(), log.exists()) == (False, False)


async def test_what_is_reached_through_a_link_of_the_owner_stays(home: Home, tmp_path: Path) -> None:
    with scripted_desk(home) as house:
        long_ago = house.clock.now() - timedelta(days=1000)
        linked, holding = ended_run(house, days=100), ended_run(house, days=110)
        elsewhere = written(tmp_path / "elsewhere" / "mine.json", long_ago)
        home.results.mkdir(exist_ok=True)
        home.result(linked.name).symlink_to(elsewhere.parent)
        report = written(home.report(holding.name, "AAPL") / "report.json", long_ago)
        links = [report.parent / "mine.json", report.parent / "folder"]
        links[0].symlink_to(elsewhere)
        links[1].symlink_to(elsewhere.parent)
        for link in links:
            os.utime(link, (1.0, 1.0), follow_symlinks=False)
        assert (await maintained(house))["results"] == 1
        assert not report.exists()
        assert elsewhere.exists()
        assert all(link.is_symlink() for link in (*links, home.result(linked.name)))


async def test_the_newest_reports_of_a_champion_and_its_predecessor_stay(home: Home) -> None:
    with scripted_desk(home) as house:
        reports = {}

        def judge(name: str, version: versions.Version, days: int) -> None:
            run = ended_run(house, days)
            folder = home.report(run.name, "AAPL") / KIND
            reports[name] = written(folder / "report.json", run.recorded_at)
            new = evaluations.NewEvaluation(
                run_id=run.id, version_id=version.id, champion_id=None, dataset="1" * 64, first=NOON, last=NOON,
                evaluated_at=run.recorded_at, metrics={}, verdict="takes_over", reasons=[],
                report=home.relative(folder),
            )  # fmt: skip
            house.database.write(lambda c: evaluations.add(c, new))

        first, second, third = (
            house.database.write(lambda c, name=name: add_version(c, name, model_type=KIND)) for name in ("a", "b", "c")
        )
        for days, version in ((300, first), (200, second), (190, third)):
            house.database.write(
                lambda c, v=version: servings.serve(c, "AAPL", KIND, v.id, NOON, why="better", author="test")
            )
            judge(version.version, version, days)
        judge("c again", third, 150)
        assert (await maintained(house))["results"] == 2
        assert {name: path.exists() for name, path in reports.items()} == {
            "a": False, "b": True, "c": False, "c again": True,
        }  # fmt: skip


async def test_maintenance_keeps_the_newest_replaced_datasets_of_each_series(home: Home) -> None:
    with scripted_desk(home, Settings.model_validate({"retention": {"revisions": 2}})) as house:
        recent = {
            symbol: [home.revision("yahoo", symbol, "1d", f"d{n}") for n in range(4)] for symbol in ("AAPL", "MSFT")
        }
        for n in range(4):
            record_bars(house, f"d{n}")
        newest = home.bars("yahoo", "AAPL", "1d")
        for age, path in [*enumerate(reversed(recent["AAPL"])), *enumerate(reversed(recent["MSFT"])), (99, newest)]:
            written(path, datetime.fromtimestamp(1e9 - age, UTC))
        assert (await maintained(house))["revisions"] == 4
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


async def test_a_clock_that_is_years_ahead_deletes_nothing(home: Home) -> None:
    with scripted_desk(home) as house:
        old = request(house, "evaluation")
        house.database.write(lambda c: runs.claim(c, old.id, OWNER, house.clock.now()))
        house.database.write(lambda c: runs.finish(c, old.id, "succeeded", house.clock.now(), attempts=1))
        report = home.report(old.name, "AAPL") / "report.json"
        report.parent.mkdir(parents=True)
        report.write_text("{}")
        os.utime(report, (NOON.timestamp(), NOON.timestamp()))
        house.clock.move(timedelta(days=1200))  # type: ignore[attr-defined]
        request(house, "maintenance")
        await attend_all(Dispatcher(house))
        [run] = [run for run in every_run(house) if run.job == "maintenance"]
        assert (run.state, run.cause) == ("skipped", "clock.jumped")
        assert "the clock may be wrong" in str((run.detail or {})["message"])
        assert report.exists()


async def test_the_folds_of_recipes_that_are_no_longer_used_go_in_the_end(home: Home) -> None:
    with scripted_desk(home) as house:
        now = house.clock.now()
        used, retired, fresh, stored = (
            record_with_folds(house, recipe * 64, now - timedelta(days=days), in_use=in_use)
            for recipe, days, in_use in (("a", 100, True), ("b", 100, False), ("c", 10, False), ("d", 100, False))
        )
        house.database.write(lambda c: add_version(c, "v1", model_type=KIND, recipe="d" * 64))
        note, never_tried = retired / "my_remarks.md", home.record("AAPL", KIND, "e" * 64)
        for path in (note, never_tried / "20200101000000-20210101000000" / "fold.json"):
            written(path, now - timedelta(days=500))
        assert (await maintained(house))["records"] == 1
        assert [any(folder.glob("*/fold.json")) for folder in (used, retired, fresh, stored, never_tried)] == [
            True, False, True, True, True,
        ]  # fmt: skip
        assert list(retired.iterdir()) == [note]
        assert house.database.read(records.tried) == 4


def record_with_folds(house: DeskContext, recipe: str, at: datetime, *, in_use: bool) -> Path:
    """The folder of a record of the ledger with a fold, last looked at then."""
    progress = records.RecordProgress(
        subject="AAPL", model_type=KIND, recipe=recipe, provenance="yahoo", params={}, seed=1, window=365, run_id=None,
        folds=1, missing=0, restarted=0, facts=None,
    )  # fmt: skip
    row = house.database.write(lambda c: records.put(c, progress, at))
    if not in_use:
        house.database.write(
            lambda c: c.execute(update(tables.records).where(tables.records.c.id == row.id).values(in_use=False))
        )
    folder = house.home.record("AAPL", KIND, recipe)
    for name in ("20200101000000-20210101000000/fold.json", "rehearsals/1-20210101000000.json", "bars.json"):
        written(folder / name, at)
    return folder
