"""Copies at a place: each object is read back by and by, and a place belongs to one desk."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from config.paths import Home
from config.settings import BackupPlace
from daemon import backups
from daemon.backups.copying import NIGHTLY_BYTES, NIGHTS, share
from daemon.backups.manifest import manifest_bytes, read_manifest
from daemon.opening.identity import enter
from daemon.store.database import Database
from tests.support.desks.backed_up_home import NOW, SECOND, SETTINGS, flip, refusal, take

SIZES = {f"{number:08x}{'0' * 56}": 1000 for number in range(0, 2**32, 2**24 + 1)}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "usb"


@pytest.fixture
def place(desk, folder):
    return backups.open_place(BackupPlace(url=f"file://{folder}"), desk, create=True)


@pytest.fixture
def other(tmp_path):
    """Another desk, which has a backup."""
    home = Home(tmp_path / "other")
    home.root.mkdir()
    with closing(Database.open(home.database)) as opened:
        enter(home, opened, NOW)
        backups.take(home, opened, NOW + SECOND, SETTINGS)
    return home


def copy_newest(home, place, **options):
    return backups.copy(backups.home_repository(home), home.backups[-1].name, place, **options)


def flip_object(folder, sha256):
    flip(folder / "backup_objects" / sha256[:2] / sha256)


def test_the_shares_of_a_week_are_everything_once():
    shares = [share(SIZES, night) for night in range(100, 100 + NIGHTS)]
    assert sorted(sha256 for each in shares for sha256 in each) == sorted(SIZES)
    assert max(map(len, shares)) < len(SIZES) / 4


def test_the_share_of_a_night_has_a_limit_of_bytes_and_everything_has_its_night():
    large = dict.fromkeys(SIZES, NIGHTLY_BYTES // 4)
    nights = -(-sum(large.values()) // NIGHTLY_BYTES)
    assert nights > NIGHTS
    assert {sha256 for night in range(nights) for sha256 in share(large, night)} == set(large)


def test_every_flipped_bit_at_a_place_is_sent_again_by_name_within_a_week(desk, database, place, folder):
    backup = take(desk, database)
    copy_newest(desk, place)
    files = backups.home_repository(desk).files(backup.name, backup.manifest)
    for sha256 in place.objects():
        flip_object(folder, sha256)
    copies = [copy_newest(desk, place, night=night) for night in range(NIGHTS)]
    assert sum(copied.checked for copied in copies) == sum(copied.objects for copied in copies) == len(place.objects())
    named = {name for copied in copies for name in copied.mended}
    assert {file.name for file in files if file.bytes} <= named
    assert {"the table runs", "the list of data/trades/0x6031"} <= named
    assert backups.verify(place, backup.name) == backup
    assert [copy_newest(desk, place, night=night).mended for night in range(NIGHTS)] == [()] * NIGHTS


def test_a_second_desk_is_refused_at_a_place_and_changes_nothing_there(desk, database, other, place, folder):
    take(desk, database)
    copy_newest(desk, place)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    error = refusal(copy_newest, other, place)
    assert (error.code, error.detail["desk"]) == ("backup.foreign", desk.desk_id.read_text().strip())
    assert other.desk_id.read_text().strip() in error.cure
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert copy_newest(desk, place).objects == 0


def test_a_restored_desk_goes_on_at_the_place_it_came_from(desk, database, place, tmp_path):
    take(desk, database)
    copy_newest(desk, place)
    restored = Home(tmp_path / "restored")
    backups.restore(place, restored)
    with closing(Database.open(restored.database)) as opened:
        enter(restored, opened, NOW)
        take(restored, opened, SECOND)
    copy_newest(restored, place)
    assert len(place.names()) == 2


@pytest.mark.parametrize("note", [None, b"", b"[1]"])
def test_a_place_without_a_whole_note_belongs_to_the_desk_of_its_newest_backup(desk, database, other, place, note):
    take(desk, database)
    copy_newest(desk, place)
    file = place.folder / "desk.json"
    file.unlink()
    if note is not None:
        file.write_bytes(note)
    assert refusal(copy_newest, other, place).code == "backup.foreign"
    copy_newest(desk, place)
    assert json.loads(file.read_bytes()) == {"desk": desk.desk_id.read_text().strip()}


def test_a_person_can_give_the_place_of_a_lost_desk_to_another(desk, database, other, place, folder):
    take(desk, database)
    copy_newest(desk, place)
    (folder / "desk.json").write_text(json.dumps({"desk": other.desk_id.read_text().strip()}))
    assert copy_newest(other, place).objects > 0
    assert refusal(copy_newest, desk, place).code == "backup.foreign"


def test_of_two_desks_that_come_to_an_empty_place_at_once_one_is_refused(desk, database, other, place):
    take(desk, database)
    ours, theirs = (home.desk_id.read_text().strip() for home in (desk, other))
    assert [place.note_owner(each) for each in (ours, theirs)] == [ours, ours]


def test_a_backup_of_a_desk_without_an_id_is_copied_anywhere(desk, database, place):
    backup = take(desk, database)
    manifest = desk.models / backup.name / "manifest.json"
    nameless = read_manifest(backup.name, manifest.read_bytes()).model_copy(update={"tables": {}})
    manifest.write_bytes(manifest_bytes(nameless))
    assert copy_newest(desk, place).objects > 0
    assert place.owner() is None
