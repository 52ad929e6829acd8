"""The jobs backup and restore_drill on a home with real models, with the code of the workers in this process."""

from __future__ import annotations

import shutil
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import delete

from config import Settings
from config.paths import Home
from daemon import backups
from daemon.backups.copying import NIGHTS
from daemon.core.condition import conditions
from daemon.core.dispatcher import Dispatcher
from daemon.domain.tasks import VersionRef
from daemon.jobs.backup.mending import mend_at_start
from daemon.jobs.backup.messages import HOME
from daemon.jobs.versions import proved
from daemon.store import alerts, overview, runs, servings, tables, versions
from daemon.store import backups as ledger
from daemon.store.database import Database
from data_pipeline.bars.store import BarStore
from data_pipeline.sources.sample import SampleSource
from tests.support.desks.backed_up_home import flip, flip_unwritten, objects_of
from tests.support.desks.champions import NAME, serve_champion
from tests.support.desks.night import EVENING, WorkingExecutor, attend_all, every_run, request, scripted_desk
from tests.support.markets.easy import easy_task
from trainers import TrainingContext, registry

GOLDEN = "models/EASY/behavioral_cloner/{}/golden.safetensors"


@pytest.fixture(scope="module")
def model():
    return registry.get(NAME).train(easy_task(NAME), TrainingContext(seed=3))


@contextmanager
def desk(home, model, **settings):
    """A desk with a champion, its predecessor and stored bars."""
    with scripted_desk(home, Settings.model_validate({"symbols": ["EASY"], **settings})) as context:
        context.executor = WorkingExecutor(home, context.clock.now)
        for version in ("v1", "v2"):
            serve_champion(home, context.database, model, version)
        log = home.trades / "0x6031" / "1_prices.json"
        log.parent.mkdir(parents=True)
        log.write_text('{"prices": []}')
        bars = SampleSource().fetch("EASY", "1d", EVENING - timedelta(days=300), EVENING)
        BarStore(home).save(bars, EVENING)
        yield context


async def work(context, job):
    request(context, job)
    await attend_all(Dispatcher(context))
    context.clock.move(timedelta(minutes=1))
    return every_run(context)[-1]


def firing(context):
    return {(alert.rule, alert.subject): alert.message for alert in context.database.read(alerts.open_alerts)}


async def test_a_backup_goes_to_every_place_and_one_that_fails_stops_no_other(home, model, tmp_path):
    (tmp_path / "usb").mkdir()
    places = [f"{tmp_path}/gone", f"{tmp_path}/usb"]
    with desk(home, model, backup={"to": places}) as context:
        run = await work(context, "backup")
        assert (run.state, run.cause) == ("partial", "backup.no_folder")
        assert set(run.detail["failed"]) == {"folder gone"}
        assert run.detail["places"]["folder usb"]["backup"] == run.detail["backup"] == home.backups[0].name
        assert "folder gone" in firing(context)["run.failed", "backup"]
        record = context.database.read(
            lambda c: overview.desk_record(c, set(), context.clock.now(), context.settings.backup.labels)
        )
        messages = [each.message for each in conditions(record, context.settings, context.clock.now())]
        assert sum("folder gone" in message for message in messages) == 1, "one problem, not two"
        assert not any("folder usb" in message for message in messages)


async def test_a_drill_proves_the_home_and_its_loss_apart(home, model, tmp_path):
    (tmp_path / "usb").mkdir()
    with desk(home, model, backup={"to": [f"{tmp_path}/usb"]}) as context:
        await work(context, "backup")
        for path in objects_of(home):
            flip(path)
        run = await work(context, "restore_drill")
        assert run.state == "partial"
        assert set(run.detail["proven"]) == {"folder usb"}
        assert context.database.read(ledger.last_proven) is None
        (place,) = context.database.read(lambda c: ledger.places(c, ["folder usb"]))
        assert (place.copied, place.proven) == (home.backups[0].name, home.backups[0].name)


async def test_a_drill_of_the_home_is_recorded(home, model):
    with desk(home, model) as context:
        await work(context, "backup")
        assert (await work(context, "restore_drill")).state == "succeeded"
        assert context.database.read(ledger.last_proven).name == home.backups[0].name
        context.database.write(
            lambda c: c.execute(delete(tables.backups))
        )  # as in a restored database, which lacks this row
        assert context.database.read(lambda c: ledger.home_proven_at(c, HOME)) is not None


async def test_the_run_that_took_a_backup_has_not_crashed_in_the_restored_database(home, model, tmp_path):
    with desk(home, model) as context:
        run = await work(context, "backup")
    new = Home(tmp_path / "new")
    backups.restore(backups.home_repository(home), new)
    with closing(Database.open(new.database)) as restored:
        again = restored.read(lambda c: runs.get(c, run.id))
    assert (again.state, again.cause) == ("cancelled", "restored")


async def test_the_next_backup_of_an_unchanged_desk_stores_less_than_100_kb(home, model):
    with desk(home, model) as context:
        await work(context, "backup")
        before = {path: path.stat().st_size for path in objects_of(home)}
        assert (await work(context, "backup")).state == "succeeded"
        new = [path for path in objects_of(home) if path not in before]
        manifest = (home.backups[-1] / "manifest.json").stat().st_size
        assert sum(path.stat().st_size for path in new) + manifest < 100_000
        assert [spec.request.kind for spec in context.executor.specs] == ["check_data"]  # of the first backup


async def test_a_backup_mends_models_and_bars_first_and_tells(home, model):
    with desk(home, model) as context:
        await work(context, "backup")
        weights, bars = home.root / GOLDEN.format("v1"), home.bars("sample", "EASY", "1d")
        log = home.trades / "0x6031" / "1_prices.json"
        whole = flip(weights), flip(bars), flip_unwritten(log)
        run = await work(context, "backup")
        assert run.detail["mended"] == [
            "EASY/behavioral_cloner/v1",
            "data/bars/sample/EASY/1d.parquet",
            "data/trades/0x6031/1_prices.json",
        ]
        assert (weights.read_bytes(), bars.read_bytes(), log.read_bytes()) == whole
        assert {rule for rule, _ in firing(context)} == {"model.damaged", "data.damaged"}
        await work(context, "backup")
        assert firing(context) == {}


async def test_a_copy_with_a_flipped_bit_at_a_place_is_sent_again_within_a_week_and_told(home, model, tmp_path):
    (tmp_path / "usb").mkdir()
    with desk(home, model, backup={"to": [f"{tmp_path}/usb"]}) as context:
        await work(context, "backup")
        for path in (tmp_path / "usb" / "backup_objects").rglob("*/*"):
            flip(path)
        mended = set()
        for _ in range(NIGHTS):
            run = await work(context, "backup")
            mended |= set(run.detail["places"]["folder usb"]["mended"])
            context.clock.move(timedelta(days=1))
        assert {GOLDEN.format("v1"), "data/trades/0x6031/1_prices.json"} <= mended
        alerted = {
            alert.subject for alert in context.database.read(lambda c: alerts.page(c, state="resolved", limit=200))
        }
        assert {f"folder usb: {name}" for name in mended} <= alerted | {subject for _, subject in firing(context)}


def test_a_champion_damaged_while_the_desk_was_down_is_mended_at_its_start(home, model):
    with desk(home, model) as context:
        backups.take(home, context.database, EVENING, context.settings)
        whole = flip(home.root / GOLDEN.format("v2"))
        home.bars("sample", "EASY", "1d").write_bytes(b"")
        mend_at_start(context)
        assert (home.root / GOLDEN.format("v2")).read_bytes() == whole
        assert BarStore(home).load("EASY", "1d", "sample")
        assert "fetched again from the backups in the home" in firing(context)["model.damaged", f"EASY/{NAME}/v2"]
        assert context.database.read(lambda c: versions.champion(c, "EASY", NAME)).version == "v2"


def test_without_a_copy_the_predecessor_serves_and_a_broken_pin_is_told(home, model):
    with desk(home, model) as context:
        champion = context.database.read(lambda c: versions.champion(c, "EASY", NAME))
        context.database.write(lambda c: servings.pin(c, champion, EVENING, pinned=True, why="mine", author="me"))
        flip(home.root / GOLDEN.format("v2"))
        mend_at_start(context)
        assert context.database.read(lambda c: versions.champion(c, "EASY", NAME)).version == "v1"
        assert context.database.read(lambda c: versions.version(c, champion.id)).state == "quarantined"
        message = firing(context)["model.damaged", f"EASY/{NAME}/v2"]
        assert "its predecessor v1 serves" in message
        assert "pin of a person is broken" in message


async def test_a_damaged_champion_is_left_as_it_is_while_a_place_does_not_answer(home, model, tmp_path):
    (tmp_path / "usb").mkdir()
    with desk(home, model, backup={"to": [f"{tmp_path}/usb"]}) as context:
        await work(context, "backup")
        away = (tmp_path / "usb").rename(tmp_path / "unmounted")
        for path in objects_of(home):
            flip(path)
        whole = flip(home.root / GOLDEN.format("v2"))
        run = await work(context, "backup")
        assert (run.state, run.detail["left_out"]) == ("partial", [f"models/EASY/{NAME}/v2"])
        assert context.database.read(lambda c: versions.champion(c, "EASY", NAME)).version == "v2"
        assert "does not answer" in firing(context)["model.damaged", f"EASY/{NAME}/v2"]
        away.rename(tmp_path / "usb")
        assert (await work(context, "backup")).state == "succeeded"
        assert (home.root / GOLDEN.format("v2")).read_bytes() == whole


@pytest.mark.parametrize("name", ["notes.txt", "model.pkl"])
def test_a_file_of_somebody_beside_a_champion_is_told_and_keeps_it_from_nothing(home, model, name):
    with desk(home, model) as context:
        notes = (home.root / GOLDEN.format("v2")).with_name(name)
        notes.write_text("mine")
        mend_at_start(context)
        champion = context.database.read(lambda c: versions.champion(c, "EASY", NAME))
        proved(home, "EASY", NAME, VersionRef(name="v2", manifest_sha256=champion.manifest_sha256))
        assert notes.read_text() == "mine"
        assert context.database.read(lambda c: versions.champion(c, "EASY", NAME)).version == "v2"
        assert name in firing(context)["model.damaged", f"EASY/{NAME}/v2"]
        notes.rename(home.root / "notes.txt")
        mend_at_start(context)
        assert firing(context) == {}


def test_with_every_copy_damaged_nothing_serves_and_nothing_is_deleted(home, model):
    with desk(home, model) as context:
        for version in ("v1", "v2"):
            flip(home.root / GOLDEN.format(version))
        mend_at_start(context)
        assert context.database.read(versions.champions) == []
        assert len(list(home.models_quarantine.iterdir())) == 2
        assert "nothing serves in its place" in firing(context)["model.damaged", f"EASY/{NAME}/v2"]


def test_a_folder_of_models_that_is_not_mounted_takes_nothing_out_of_service(home, model):
    with desk(home, model) as context:
        away = home.models.rename(home.root / "unmounted")
        mend_at_start(context)
        assert "models is empty" in firing(context)["model.damaged", "models"]
        shutil.rmtree(home.models)
        away.rename(home.models)
        mend_at_start(context)
        assert context.database.read(lambda c: versions.champion(c, "EASY", NAME)).version == "v2"
        assert firing(context) == {}


async def test_a_home_without_a_backup_has_nothing_to_drill(home, model):
    with desk(home, model) as context:
        run = await work(context, "restore_drill")
        assert (run.state, run.cause) == ("skipped", "backup.none")
        assert context.database.read(runs.any_run)
