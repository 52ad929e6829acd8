"""A desk that comes back onto an empty home, or only its database."""

from __future__ import annotations

from contextlib import closing

import pytest

from config import NightdeskError, load_settings
from config.paths import Home
from daemon import backups
from daemon.backups.manifest import StoredFile
from daemon.backups.repository import Repository
from daemon.store import runs, versions
from daemon.store.database import Database
from daemon.store.dump import dump
from tests.support.desks.backed_up_home import (
    DATA,
    SECOND,
    SETTINGS,
    WEIGHTS,
    drop_database,
    files_of,
    flip,
    objects_of,
    refusal,
    take,
)


@pytest.fixture
def new(tmp_path):
    return Home(tmp_path / "new")


@pytest.fixture
def repository(desk):
    return backups.home_repository(desk)


def object_of(home, backup, name):
    """The file in which the content of `name` lies."""
    files = backups.home_repository(home).files(backup.name, backup.manifest)
    sha256 = next(file.sha256 for file in files if file.name == name)
    return next(path for path in objects_of(home) if path.name == sha256)


def rows(home):
    with closing(Database.open(home.database)) as opened:
        return opened.read(dump)


def test_a_restored_home_is_the_one_that_was_backed_up(desk, database, repository, new):
    backup = take(desk, database)
    restored = backups.restore(repository, new)
    assert (restored.backup, restored.files, restored.differs) == (backup.name, backup.files, {})
    files = {file.name for file in repository.files(backup.name, backup.manifest)} - {"training_config.json"}
    assert {name: (new.root / name).read_bytes() for name in files} == {
        name: (desk.root / name).read_bytes() for name in files
    }
    assert files >= DATA.keys()
    assert set(files_of(new.root)) == {*files, "training_config.json", "nightdesk.sqlite3"}
    assert load_settings(new.config) == SETTINGS
    assert rows(new) == database.read(dump)


def test_ids_go_on_where_they_ended(desk, database, repository, new):
    take(desk, database)
    backups.restore(repository, new)
    now = take(desk, database, SECOND).taken_at
    with closing(Database.open(new.database)) as opened:
        run = opened.write(lambda c: runs.request(c, "backup", now=now, trigger="manual"))
    assert run.id == 2


def test_an_older_backup_is_restored_by_its_name(desk, database, repository, new):
    first = take(desk, database)
    desk.expert_logs.joinpath("AAPL.csv").write_text("newer")
    take(desk, database, SECOND)
    backups.restore(repository, new, first.name)
    assert files_of(new.expert_logs)["AAPL.csv"] == DATA["data/experts/AAPL.csv"]


def test_a_name_that_is_not_there_lists_those_that_are(desk, database, repository, new):
    backup = take(desk, database)
    error = refusal(backups.restore, repository, new, "backup_20200101_000000")
    assert (error.code, backup.name in error.cure) == ("backup.unknown", True)
    assert not new.root.exists()


def test_a_restore_copies_so_that_the_backup_stays_what_it_is(desk, database, repository, new):
    backup = take(desk, database)
    backups.restore(repository, new)
    for path in new.root.rglob("*"):
        if path.is_file():
            path.write_bytes(b"changed")
    assert backups.verify(repository, backup.name) == backup


@pytest.mark.parametrize(
    "there",
    [
        "nightdesk.sqlite3",
        "nightdesk.sqlite3-wal",
        "training_config.json",
        "models/AAPL/cloner/v9/manifest.json",
        "models/backup_20260101_000000/manifest.json",
        "data/experts/AAPL.csv",
        "results/training-1/report.html",
    ],
)
def test_a_home_that_is_not_empty_is_left_alone(desk, database, repository, new, there):
    take(desk, database)
    (new.root / there).parent.mkdir(parents=True)
    (new.root / there).write_text("mine")
    error = refusal(backups.restore, repository, new)
    assert error.code == "restore.not_empty"
    assert error.exit_code == 1
    assert files_of(new.root) == {there: b"mine"}


def test_empty_folders_and_the_lock_do_not_make_a_home_used(desk, database, repository, new):
    take(desk, database)
    for folder in ("models", "logs", "results", "data"):
        (new.root / folder).mkdir(parents=True)
        (new.root / folder / ".gitkeep").touch()
    new.lock.touch()
    assert backups.restore(repository, new).differs == {}


def test_a_file_that_is_damaged_in_the_backup_is_named_and_the_rest_comes_back(desk, database, repository, new):
    backup = take(desk, database)
    flip(object_of(desk, backup, WEIGHTS))
    restored = backups.restore(repository, new)
    assert set(restored.differs) == {WEIGHTS}
    assert not (new.root / WEIGHTS).exists()
    assert restored.files == backup.files - 1
    assert rows(new) == database.read(dump)


def test_without_its_database_nothing_is_restored(desk, database, repository, new):
    backup = take(desk, database)
    block = backup.manifest.tables["runs"][0]
    flip(next(path for path in objects_of(desk) if path.name == block))
    assert refusal(backups.restore, repository, new).code == "backup.damaged"
    assert not new.root.exists()


def test_the_newest_backup_whose_manifest_can_be_read_is_taken(desk, database, repository, new):
    first, second = take(desk, database), take(desk, database, SECOND)
    flip(desk.models / second.name / "manifest.json")
    assert backups.restore(repository, new).backup == first.name


class _BreaksOff(Repository):
    """A place that breaks off after so many objects were read."""

    def __init__(self, repository: Repository, after: int) -> None:
        super().__init__(repository._bucket, repository.label, repository.folder)
        self.left = after

    def content(self, name, file):
        self.left -= 1
        if self.left < 0:
            raise NightdeskError("r2.unreachable", "The place does not answer.", "Try again later.")
        return super().content(name, file)


@pytest.mark.parametrize("after", [0, 1, 7])
def test_a_restore_that_was_cut_off_is_no_desk_and_can_be_repeated(desk, database, repository, new, after):
    backup = take(desk, database)
    assert refusal(backups.restore, _BreaksOff(repository, after), new).code == "r2.unreachable"
    assert not new.database.exists()
    error = refusal(backups.refuse_half_restored, new)
    assert (error.code, backup.name in error.message) == ("restore.unfinished", True)
    again = backups.restore(_BreaksOff(repository, backup.files - max(after - 8, 0)), new)
    assert (again.files, again.differs) == (backup.files, {})
    backups.refuse_half_restored(new)
    assert rows(new) == database.read(dump)


def test_a_half_restored_home_takes_no_other_backup(desk, database, repository, new):
    first, _ = take(desk, database), take(desk, database, SECOND)
    refusal(backups.restore, _BreaksOff(repository, 3), new)
    assert refusal(backups.restore, repository, new, first.name).code == "restore.other"


@pytest.mark.parametrize(
    "name", ["../evil.json", "/etc/evil.json", "models/../../evil.json", "nightdesk.lock", "data/a\\b", "data//x"]
)
def test_a_list_with_path_tricks_writes_nothing(desk, database, new, name, monkeypatch):
    with monkeypatch.context() as forged:
        forged.setattr("daemon.backups.taking._config", _named(name))
        forged.setattr("daemon.backups.manifest.is_safe", lambda file: True)
        take(desk, database)
    error = refusal(backups.restore, backups.home_repository(desk), new)
    assert error.code == "backup.damaged"
    assert not new.root.exists()


def _named(name):
    def config(settings, objects):
        return StoredFile(name, objects.add(b"evil"), 4)

    return config


def test_after_a_torn_note_of_a_restore_any_backup_can_be_restored(desk, database, repository, new):
    backup = take(desk, database)
    new.root.mkdir()
    new.restoring.write_bytes(b"")
    error = refusal(backups.refuse_half_restored, new)
    assert (error.code, "--backup" in error.cure) == ("restore.unfinished", False)
    assert backups.restore(repository, new, backup.name).differs == {}
    backups.refuse_half_restored(new)


def test_a_lost_database_comes_back_from_the_newest_backup_whose_database_is_sound(desk, database):
    sound, damaged = take(desk, database), take(desk, database, SECOND)
    flip(desk.models / damaged.name / "manifest.json")
    expected = database.read(dump)
    database.close()
    drop_database(desk)
    assert backups.worth_restoring(backups.home_repository(desk))
    assert backups.restore_database(desk, backups.home_repository(desk)) == sound.name
    assert rows(desk) == expected


def test_every_flipped_bit_in_the_blocks_of_a_database_leads_to_an_older_backup(desk, database):
    first = take(desk, database)
    database.write(lambda c: runs.request(c, "backup", now=first.taken_at, trigger="manual"))
    second = take(desk, database, SECOND)
    database.close()
    new_blocks = set(second.manifest.tables["runs"]) - set(first.manifest.tables["runs"])
    for path in [path for path in objects_of(desk) if path.name in new_blocks]:
        before = flip(path)
        drop_database(desk)
        assert backups.restore_database(desk, backups.home_repository(desk)) == first.name
        path.write_bytes(before)
    drop_database(desk)
    assert backups.restore_database(desk, backups.home_repository(desk)) == second.name


def test_without_a_backup_that_holds_a_row_no_database_comes_back(home):
    with closing(Database.open(home.database)) as empty:
        take(home, empty)
    drop_database(home)
    assert not backups.worth_restoring(backups.home_repository(home))
    assert backups.restore_database(home, backups.home_repository(home)) is None
    assert not home.database.exists()


def test_a_database_that_is_there_is_never_overwritten(desk, database):
    take(desk, database)
    assert refusal(backups.restore_database, desk, backups.home_repository(desk)).code == "restore.not_empty"


def test_champions_serve_in_the_restored_database(desk, database, repository, new):
    take(desk, database)
    backups.restore(repository, new)
    with closing(Database.open(new.database)) as opened:
        champions = opened.read(versions.champions)
    assert [(champion.subject, champion.version) for champion in champions] == [("AAPL", "v2"), ("BTC-USD", "v1")]
