"""Damaged files are found by their hash and come back from a backup."""

from __future__ import annotations

import json
import shutil

import pytest

from config import Settings
from config.settings import BackupPlace
from daemon import backups
from daemon.store import backups as ledger
from tests.support.desks.backed_up_home import NOW, WEIGHTS, files_of, flip, objects_of, take

BARS = "data/bars/csv/AAPL/1d.parquet"
WHOLE = b"PAR1 bars PAR1"


@pytest.fixture
def sources(desk):
    return backups.sources(desk, Settings())


def mended(desk, database, sources):
    return {
        f"{each.version.subject} {each.version.version}": each.mended_from
        for each in backups.mend_models(desk, database.read(ledger.worth_keeping), sources)
    }


def test_a_whole_home_needs_nothing(desk, database, sources):
    take(desk, database)
    before = files_of(desk.root)
    assert mended(desk, database, sources) == {}
    assert files_of(desk.root).keys() == before.keys()


def test_every_flipped_bit_of_a_model_is_mended(desk, database, sources):
    take(desk, database)
    for path in sorted((desk.models / "AAPL/cloner/v2").iterdir()):
        for bit in range(0, 8 * path.stat().st_size, 2999):
            before = flip(path, bit)
            assert mended(desk, database, sources) == {"AAPL v2": "the home"}
            assert path.read_bytes() == before


@pytest.mark.parametrize("damage", ["empty", "gone", "whole folder gone"])
def test_torn_and_missing_files_are_mended(desk, database, sources, damage):
    take(desk, database)
    weights, before = desk.root / WEIGHTS, files_of(desk.models / "AAPL/cloner/v2")
    if damage == "empty":
        weights.write_bytes(b"")
    else:
        weights.unlink()
    if damage == "whole folder gone":
        (weights.parent / "manifest.json").unlink()
        weights.parent.rmdir()
    assert mended(desk, database, sources) == {"AAPL v2": "the home"}
    assert files_of(weights.parent) == before
    assert bool(desk.models_quarantine.exists()) == (damage != "whole folder gone")


def test_a_model_comes_from_another_place_where_the_home_has_no_whole_copy(desk, database, tmp_path):
    backup = take(desk, database)
    place = BackupPlace(url=f"file://{tmp_path}/away")
    away = backups.open_place(place, desk, create=True)
    backups.copy(backups.home_repository(desk), backup.name, away)
    for path in objects_of(desk):
        flip(path)
    flip(desk.root / WEIGHTS)
    sources = backups.sources(desk, Settings.model_validate({"backup": {"to": [f"{tmp_path}/away"]}}))
    assert mended(desk, database, sources) == {"AAPL v2": "folder away"}


@pytest.mark.parametrize("name", ["notes.txt", "notes.json", "brain.pkl"])
def test_a_file_of_the_owner_beside_a_model_is_told_and_nothing_is_moved(desk, database, sources, name):
    (desk.root / WEIGHTS).with_name(name).write_bytes(b"mine")
    before = files_of(desk.models)
    (damaged,) = backups.mend_models(desk, database.read(ledger.worth_keeping), sources)
    assert (damaged.error.code, damaged.mended_from) == ("model.unlisted", None)
    assert name in damaged.error.message
    assert files_of(desk.models) == before
    assert take(desk, database).left_out == ()


def test_a_model_comes_from_a_backup_of_the_first_format(desk, database, sources):
    backup = desk.models / "backup_20250105_030405"
    shutil.copytree(desk.models / "AAPL", backup / "models/AAPL")
    facts = {"taken_at": NOW.isoformat(), "code_version": "0.6.0", "champions": [], "files": {}}
    (backup / "manifest.json").write_text(json.dumps({"format": 1, **facts}))
    before = flip(desk.root / WEIGHTS)
    assert mended(desk, database, sources) == {"AAPL v2": "the home"}
    assert (desk.root / WEIGHTS).read_bytes() == before


def test_without_a_copy_the_damaged_model_is_set_aside(desk, database, sources):
    flip(desk.root / WEIGHTS)
    assert mended(desk, database, sources) == {"AAPL v2": None}
    assert not (desk.root / WEIGHTS).exists()
    assert [path.name for path in desk.models_quarantine.iterdir()] == ["AAPL-cloner-v2"]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1 half a file", WHOLE[:-1]])
def test_torn_tables_are_found_without_reading_them(desk, content):
    for path in (desk.root / BARS, desk.root / "data/bars/csv/AAPL/1d/older.parquet"):
        path.write_bytes(WHOLE)
    (desk.root / "data/news/yahoo/AAPL.parquet").write_bytes(content)
    assert [desk.relative(path) for path in backups.torn_files(desk)] == ["data/news/yahoo/AAPL.parquet"]


def test_only_data_that_has_changed_since_the_last_backup_is_to_be_checked(desk, database):
    assert len(backups.changed_files(desk)) == 3
    take(desk, database)
    assert backups.changed_files(desk) == []
    flip(desk.root / BARS)
    assert backups.changed_files(desk) == [desk.root / BARS]


def test_damaged_bars_are_set_aside_by_name_and_restored(desk, database, sources):
    take(desk, database)
    before = flip(desk.root / BARS)
    damaged = (desk.root / BARS).read_bytes()
    assert backups.mend_file(desk, desk.root / BARS, sources, NOW) == "backup_20260105_030405 in the home"
    assert (desk.root / BARS).read_bytes() == before
    aside = desk.damaged(desk.root / BARS, NOW)
    assert (aside.read_bytes(), aside.suffix) == (damaged, ".parquet")
    assert aside.is_relative_to(desk.data_quarantine)


def test_damaged_bars_without_a_copy_leave_their_place_so_that_they_are_pulled_anew(desk, sources):
    assert backups.mend_file(desk, desk.root / BARS, sources, NOW) is None
    assert not (desk.root / BARS).exists()
    assert desk.damaged(desk.root / BARS, NOW).exists()
