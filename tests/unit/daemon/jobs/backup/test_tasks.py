"""What workers do for backups, in this process."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from types import SimpleNamespace

import pytest
from sqlalchemy import update

from config import NightdeskError, Settings
from config.settings import BackupPlace
from daemon import backups
from daemon.backups.manifest import manifest_bytes, read_manifest
from daemon.jobs.backup.copy_tasks import copy_backup
from daemon.jobs.backup.messages import CheckDataRequest, CopyBackupRequest, ProveBackupRequest
from daemon.jobs.backup.tasks import check_data, prove_backup, restore_and_prove
from daemon.store.database import Database
from daemon.store.tables import model_versions
from data_pipeline.bars.store import BarStore
from data_pipeline.sources.sample import SampleSource
from tests.support.desks.backed_up_home import flip, objects_of, refusal
from tests.support.desks.champions import NAME, NOW, serve_champion
from tests.support.markets.easy import easy_task
from trainers import TrainingContext, registry

CHAMPION = "models/EASY/behavioral_cloner/v1"


@pytest.fixture(scope="module")
def model():
    return registry.get(NAME).train(easy_task(NAME), TrainingContext(seed=3))


@pytest.fixture
def database(home):
    with closing(Database.open(home.database)) as opened:
        yield opened


@pytest.fixture
def backup(home, database, model):
    """A backup of a desk with one champion that can really predict."""
    serve_champion(home, database, model)
    return backups.take(home, database, NOW, Settings())


@pytest.fixture
def worker(home):
    return SimpleNamespace(home=home, secrets={}, now=lambda: NOW)


@pytest.fixture
def place(tmp_path):
    (tmp_path / "away").mkdir()
    return BackupPlace(url=f"file://{tmp_path}/away")


def object_of(home, backup, name):
    files = backups.home_repository(home).files(backup.name, backup.manifest)
    sha256 = next(file.sha256 for file in files if file.name == name)
    return next(path for path in objects_of(home) if path.name == sha256)


def test_a_backup_is_proved_by_the_predictions_of_its_champions_and_leaves_nothing_behind(home, backup, worker):
    before = sorted(home.root.rglob("*"))
    proved = prove_backup(worker, ProveBackupRequest(place=None))
    assert (proved.backup, proved.files, proved.champions) == (backup.name, backup.files, (CHAMPION,))
    assert sorted(home.root.rglob("*")) == before


def test_a_copy_is_proved_at_its_place_when_the_home_has_none(home, backup, worker, place):
    copied = copy_backup(worker, CopyBackupRequest(backup=backup.name, place=place, keep=7))
    assert (copied.objects, copied.removed) == (len(objects_of(home)), ())
    for path in objects_of(home):
        path.unlink()
    assert prove_backup(worker, ProveBackupRequest(place=place)).champions == (CHAMPION,)
    assert refusal(prove_backup, worker, ProveBackupRequest(place=None)).code == "backup.damaged"


def test_a_copy_that_was_cut_off_sends_only_what_is_missing(home, backup, worker, place):
    request = CopyBackupRequest(backup=backup.name, place=place, keep=7)
    copy_backup(worker, request)
    (place.folder / backup.name / "manifest.json").unlink()
    some = max((place.folder / "backup_objects").rglob("*"))
    some.unlink()
    again = copy_backup(worker, request)
    assert again.objects == 1
    assert prove_backup(worker, ProveBackupRequest(place=place)).backup == backup.name


def test_a_flipped_bit_at_a_place_is_sent_again_by_the_drill_and_by_a_copy_that_reads_back(home, backup, worker, place):
    copy_backup(worker, CopyBackupRequest(backup=backup.name, place=place, keep=7))
    sha256 = object_of(home, backup, f"{CHAMPION}/golden.safetensors").name
    away = backups.open_place(place, home)
    flip(place.folder / "backup_objects" / sha256[:2] / sha256)
    proved = prove_backup(worker, ProveBackupRequest(place=place))
    assert (proved.backup, proved.resent) == (backup.name, 1)
    flip(place.folder / "backup_objects" / sha256[:2] / sha256)
    assert backups.copy(backups.home_repository(home), backup.name, away).objects == 1
    assert backups.verify(away, backup.name) == backup


def test_a_damaged_manifest_at_a_place_is_written_again_and_a_sound_one_of_another_desk_is_not(
    home, backup, worker, place
):
    request = CopyBackupRequest(backup=backup.name, place=place, keep=7)
    copy_backup(worker, request)
    manifest = place.folder / backup.name / "manifest.json"
    sound = manifest.read_bytes()
    for damage in (sound[:-20], sound.replace(b"1", b"2", 1), b""):
        manifest.chmod(0o600)
        manifest.write_bytes(damage)
        copy_backup(worker, request)
        assert manifest.read_bytes() == sound

    other = read_manifest(backup.name, sound).model_copy(update={"code_version": "another"})
    manifest.chmod(0o600)
    manifest.write_bytes(manifest_bytes(other))
    assert refusal(copy_backup, worker, request).code == "backup.exists"
    assert manifest.read_bytes() == manifest_bytes(other)


def test_a_place_that_is_not_mounted_is_an_error_and_no_new_folder(home, backup, worker, place):
    place.folder.rmdir()
    error = refusal(copy_backup, worker, CopyBackupRequest(backup=backup.name, place=place, keep=7))
    assert (error.code, "folder away" in error.message) == ("backup.no_folder", True)
    assert not place.folder.exists()


def test_a_place_in_the_home_is_refused(home, backup, worker):
    place = BackupPlace(url=f"file://{home.root}/data/copies")
    error = refusal(copy_backup, worker, CopyBackupRequest(backup=backup.name, place=place, keep=7))
    assert error.code == "backup.own_home"


def test_a_damaged_backup_is_not_proved(home, backup, worker):
    flip(object_of(home, backup, f"{CHAMPION}/golden.safetensors"))
    error = refusal(prove_backup, worker, ProveBackupRequest(place=None))
    assert error.code == "backup.differs"
    assert "golden.safetensors" in error.message


def test_a_backup_whose_database_names_other_champions_is_not_proved(home, database, backup, tmp_path):
    database.write(lambda c: c.execute(update(model_versions).values(state="retired")))
    other = backups.take(home, database, NOW.replace(hour=4), Settings())
    mixed = backup.manifest.model_copy(update={"tables": other.manifest.tables})
    repository = backups.home_repository(home)
    repository.publish("backup_20260105_050000", mixed)
    restored = restore_and_prove(repository, type(home)(tmp_path / "new"), "backup_20260105_050000")
    assert set(restored.differs) == {"database"}


def test_without_a_backup_there_is_nothing_to_prove(home, worker):
    with pytest.raises(NightdeskError) as caught:
        prove_backup(worker, ProveBackupRequest(place=None))
    assert caught.value.code == "backup.unknown"


def test_bars_are_checked_against_the_hash_they_were_stored_under(home, worker):
    bars = SampleSource().fetch("AAPL", "1d", NOW.replace(year=2025), NOW)
    BarStore(home).save(bars, NOW)
    path = home.bars(bars.source, "AAPL", "1d")
    request = CheckDataRequest(files=(home.relative(path),))
    assert check_data(worker, request).damaged == {}
    whole = path.read_bytes()
    for bit in range(0, 8 * len(whole), 8 * len(whole) // 12):
        flip(path, bit)
        assert set(check_data(worker, request).damaged) <= {home.relative(path)}
        path.write_bytes(whole)
    path.write_bytes(whole[:-1])
    assert set(check_data(worker, request).damaged) == {home.relative(path)}


def test_a_worker_that_copies_backups_starts_without_the_libraries_of_database_and_models():
    heavy = ("sqlalchemy", "pandas", "sklearn", "numba", "boto3")
    names = "copy, prune, home_repository, open_place"
    program = (
        f"import daemon.jobs.tasks, daemon.jobs.backup.copy_tasks; from daemon.backups import {names}; import sys;"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
