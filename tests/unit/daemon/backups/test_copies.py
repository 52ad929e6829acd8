from __future__ import annotations

import json
import shutil
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config import NightdeskError, Settings, load_settings
from config.paths import Home
from daemon import backups
from daemon.store import backups as ledger
from daemon.store import servings, versions
from daemon.store.database import Database
from tests.support.models.model_folders import record_model, write_model

NOW = datetime(2026, 1, 5, 3, 4, 5, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SETTINGS = Settings(symbols=("AAPL", "BTC-USD"))


@pytest.fixture
def database(home):
    opened = Database.open(home.database)
    yield opened
    opened.close()


def make(home, database, symbol, version, *, serve=False, size=2000):
    sha256 = write_model(home, symbol, version, size)

    def change(c):
        version_row = record_model(c, symbol, version, sha256)
        if serve:
            assert servings.serve(c, symbol, "cloner", version_row.id, NOW, why="better", author="test")
        return version_row

    return database.write(change)


@pytest.fixture
def desk(home, database):
    """A home with a champion, its predecessor, newer challengers, and one that was rejected long ago."""
    for version, serve in [("v1", True), ("v2", True), ("v3", False), ("v4", False), ("v5", False), ("v6", False)]:
        make(home, database, "AAPL", version, serve=serve)
    make(home, database, "BTC-USD", "v1", serve=True)
    old = database.read(lambda c: versions.find(c, "AAPL", "cloner", "v3"))
    assert database.write(lambda c: versions.set_state(c, old.id, "rejected", ("challenger",)))
    return home


def take(home, database, after=timedelta(0)):
    return backups.take(home, database, NOW + after, SETTINGS)


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def name_a_champion(folder: Path, name: str) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"champions": [name]}))


def refusal(call, *arguments):
    with pytest.raises(NightdeskError) as caught:
        call(*arguments)
    return caught.value


def test_a_backup_holds_the_models_worth_keeping_the_database_and_the_config(desk, database):
    backup = take(desk, database)
    assert backup.folder == desk.models / "backup_20260105_030405"
    models_kept = {"AAPL/cloner/v1", "AAPL/cloner/v2", *(f"AAPL/cloner/v{n}" for n in (4, 5, 6)), "BTC-USD/cloner/v1"}
    assert set(files_of(backup.folder)) == {
        "manifest.json",
        "nightdesk.sqlite3",
        "training_config.json",
        *(f"models/{name}/{file}" for name in models_kept for file in ("manifest.json", "weights.safetensors")),
    }
    assert backup.manifest.champions == ["models/AAPL/cloner/v2", "models/BTC-USD/cloner/v1"]
    assert backup.files == 2 + 2 * len(models_kept)
    assert backup.bytes == sum(len(data) for name, data in files_of(backup.folder).items() if name != "manifest.json")
    assert load_settings(Home(backup.folder).config) == SETTINGS


def test_a_backup_of_a_new_home_is_possible(home, database):
    backup = take(home, database)
    assert backup.files == 2
    assert backups.verify(backup.folder) == backup


def test_a_backup_holds_no_executable_and_no_link(desk, database):
    backup = take(desk, database)
    for path in backup.folder.rglob("*"):
        assert not path.is_symlink()
        if path.is_file():
            assert path.suffix in (".json", ".safetensors", ".sqlite3")
            assert not path.stat().st_mode & 0o111


def test_a_backup_survives_any_damage_to_the_originals(desk, database):
    backup = take(desk, database)
    before = files_of(backup.folder)
    for path in desk.models.glob("*/cloner/*/*"):
        with path.open("r+b") as file:
            file.write(b"damage")
    shutil.rmtree(desk.models / "BTC-USD")
    assert files_of(backup.folder) == before
    assert backups.verify(backup.folder) == backup


def test_backups_share_what_did_not_change(desk, database):
    first, second = take(desk, database), take(desk, database, SECOND)
    weights = "models/AAPL/cloner/v2/weights.safetensors"
    assert (first.folder / weights).samefile(second.folder / weights)
    assert not (first.folder / "nightdesk.sqlite3").samefile(second.folder / "nightdesk.sqlite3")
    assert backups.prune(desk, 1) == [first.name]
    assert backups.verify(second.folder) == second


def test_damage_in_an_earlier_backup_is_not_inherited(desk, database):
    first = take(desk, database)
    weights = "models/AAPL/cloner/v2/weights.safetensors"
    (first.folder / weights).write_bytes(b"rotten")
    (first.folder / "models/AAPL/cloner/v5/weights.safetensors").unlink()
    second = take(desk, database, SECOND)
    assert backups.verify(second.folder) == second
    assert (second.folder / weights).read_bytes() == (desk.root / weights).read_bytes()


def test_an_unreadable_earlier_backup_is_no_hindrance(desk, database):
    first = take(desk, database)
    (first.folder / "manifest.json").write_text("{")
    assert backups.verify(take(desk, database, SECOND).folder)


def test_a_second_backup_in_the_same_second_is_refused_and_the_first_stays(desk, database):
    first = take(desk, database)
    before = files_of(first.folder)
    assert refusal(take, desk, database).code == "backup.exists"
    assert files_of(first.folder) == before


@pytest.mark.parametrize("damage", ["changed", "missing", "extra"])
def test_a_damaged_model_is_named_and_no_half_backup_stays(desk, database, damage):
    weights = desk.model("AAPL", "cloner", "v2") / "weights.safetensors"
    if damage == "changed":
        weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    elif damage == "missing":
        weights.unlink()
    else:
        weights.with_name("brain.pkl").write_bytes(b"\x80\x04.")
    error = refusal(take, desk, database)
    assert error.code in ("model.corrupt", "model.missing", "model.unsafe")
    assert "AAPL/cloner/v2" in error.message
    assert desk.backups == []
    assert list(desk.models.glob(".unfinished-*")) == []


def test_a_manifest_that_was_swapped_for_another_is_not_backed_up(desk, database):
    target, other = desk.model("AAPL", "cloner", "v2"), desk.model("AAPL", "cloner", "v6")
    shutil.rmtree(target)
    shutil.copytree(other, target)
    assert refusal(take, desk, database).code == "model.corrupt"


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda folder: (folder / "nightdesk.sqlite3").write_bytes(b"x"), "nightdesk.sqlite3 is not what was written"),
        (lambda folder: (folder / "training_config.json").unlink(), "training_config.json is missing"),
        (lambda folder: (folder / "more.json").write_text("{}"), "more.json is not in its manifest"),
        (lambda folder: (folder / "run.sh").write_text("rm -rf /"), "'run.sh' is no file that a backup holds"),
        (lambda folder: (folder / "link.json").symlink_to("/etc/passwd"), "'link.json' is no file"),
        (lambda folder: (folder / "manifest.json").unlink(), "its manifest.json cannot be read (No such file"),
        (lambda folder: (folder / "manifest.json").write_text('{"format": 2}'), "not one this version can read"),
        (lambda folder: name_a_champion(folder, "../AAPL"), "not one this version can read"),
        (lambda folder: (folder / "manifest.json").write_bytes(b"\xff"), "not one this version can read"),
        (lambda folder: (folder / "manifest.json").write_bytes(b"[" * 100_000), "not one this version can read"),
    ],
)
def test_verify_names_the_file_that_is_not_as_it_was_written(desk, database, damage, named):
    backup = take(desk, database)
    damage(backup.folder)
    error = refusal(backups.verify, backup.folder)
    assert error.code == "backup.damaged"
    assert backup.name in error.message
    assert named in error.message


def test_every_single_bit_is_read_back(desk, database):
    backup = take(desk, database)
    for name in backup.manifest.files:
        path = backup.folder / name
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        assert name in refusal(backups.verify, backup.folder).message
        path.write_bytes(whole)
    backups.verify(backup.folder)


@pytest.mark.parametrize("name", ["../evil.json", "/etc/evil.json", "models/../../evil.json", "models/x/.hid.json"])
def test_a_manifest_with_path_tricks_writes_nothing_outside(desk, database, tmp_path, name):
    backup = take(desk, database)
    manifest = backup.folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"training_config.json"', f'"{name}"'))
    assert refusal(backups.restore, backup.folder, Home(tmp_path / "new")).code == "backup.damaged"
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "evil.json").exists()


def test_a_restored_home_is_the_one_that_was_backed_up(desk, database, tmp_path):
    backup = take(desk, database)
    new = Home(tmp_path / "new")
    assert backups.restore(backup.folder, new) == backup
    restored = files_of(new.root)
    assert restored == {name: data for name, data in files_of(backup.folder).items() if name != "manifest.json"}
    with closing(Database.open(new.database)) as opened:
        champions = opened.read(versions.champions)
    assert [(champion.subject, champion.version) for champion in champions] == [("AAPL", "v2"), ("BTC-USD", "v1")]


def test_a_restore_copies_so_that_the_backup_stays_what_it_is(desk, database, tmp_path):
    backup = take(desk, database)
    new = Home(tmp_path / "new")
    backups.restore(backup.folder, new)
    for path in new.root.rglob("*"):
        if path.is_file():
            path.write_bytes(b"changed")
    assert backups.verify(backup.folder) == backup


@pytest.mark.parametrize(
    "there",
    ["nightdesk.sqlite3", "nightdesk.sqlite3-wal", "training_config.json", "models/AAPL/cloner/v9/manifest.json"],
)
def test_a_home_that_is_not_empty_is_left_alone(desk, database, tmp_path, there):
    backup = take(desk, database)
    new = Home(tmp_path / "new")
    (new.root / there).parent.mkdir(parents=True)
    (new.root / there).write_text("mine")
    error = refusal(backups.restore, backup.folder, new)
    assert error.code == "restore.not_empty"
    assert there.split("/cloner")[0] in error.message
    assert files_of(new.root) == {there: b"mine"}


def test_what_the_repository_keeps_in_empty_folders_does_not_make_a_home_used(desk, database, tmp_path):
    backup = take(desk, database)
    new = Home(tmp_path / "new")
    for folder in ("models", "logs", "results", "data"):
        (new.root / folder).mkdir(parents=True)
        (new.root / folder / ".gitkeep").touch()
    new.lock.touch()
    backups.restore(backup.folder, new)
    assert new.database.exists()


def test_a_damaged_backup_is_not_restored(desk, database, tmp_path):
    backup = take(desk, database)
    (backup.folder / "models/AAPL/cloner/v2/weights.safetensors").write_bytes(b"rotten")
    assert refusal(backups.restore, backup.folder, Home(tmp_path / "new")).code == "backup.damaged"
    assert not (tmp_path / "new").exists()


def test_a_lost_database_comes_back_from_the_newest_sound_backup(desk, database):
    sound, damaged = take(desk, database), take(desk, database, SECOND)
    (damaged.folder / "training_config.json").write_text("{}")
    database.close()
    desk.database.unlink()
    for suffix in ("-wal", "-shm"):
        desk.database.with_name(desk.database.name + suffix).unlink(missing_ok=True)
    assert backups.restore_database(desk) == sound.name
    assert desk.database.read_bytes() == Home(sound.folder).database.read_bytes()


def test_without_a_sound_backup_no_database_comes_back(home):
    assert backups.restore_database(home) is None
    assert not home.database.exists()


def test_a_database_that_is_there_is_never_overwritten(desk, database):
    take(desk, database)
    assert refusal(backups.restore_database, desk).code == "restore.not_empty"


def test_prune_keeps_the_newest(desk, database):
    names = [take(desk, database, number * SECOND).name for number in range(4)]
    assert backups.prune(desk, 2) == [names[1], names[0]]
    assert [folder.name for folder in desk.backups] == names[2:]
    assert backups.prune(desk, 2) == []


def test_prune_never_deletes_the_last_backup_that_can_be_read_back(desk, database):
    backups_taken = [take(desk, database, number * SECOND) for number in range(4)]
    for backup in (backups_taken[0], backups_taken[2], backups_taken[3]):
        (backup.folder / "nightdesk.sqlite3").write_bytes(b"rotten")
    assert backups.prune(desk, 2) == [backups_taken[0].name]
    assert backups_taken[1].folder in desk.backups


def test_the_ledger_shows_which_backup_was_verified_and_which_was_proven(desk, database):
    first, second = take(desk, database), take(desk, database, SECOND)
    assert database.read(ledger.last_verified) is None
    for backup in (first, second):
        database.write(
            lambda c, backup=backup: ledger.record(
                c,
                backup.name,
                taken_at=backup.taken_at,
                files=backup.files,
                size=backup.bytes,
                run_id=None,
                verified_at=NOW,
            )
        )
    assert database.read(ledger.last_verified).name == second.name
    assert database.read(ledger.last_proven) is None
    database.write(lambda c: ledger.mark_restored(c, first.name, NOW))
    assert database.read(ledger.last_proven).name == first.name
    database.write(lambda c: ledger.mark_deleted_but(c, [first.name, "backup_20200101_000000"]))
    assert [record.name for record in database.read(ledger.recorded)] == [first.name]
    assert database.read(ledger.last_verified).name == first.name
