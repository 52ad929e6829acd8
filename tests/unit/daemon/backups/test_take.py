"""What a backup holds, and that it is what was written."""

from __future__ import annotations

import json
import shutil
import stat

import pytest

from daemon import backups
from daemon.store import backups as ledger
from tests.support.desks.backed_up_home import (
    DATA,
    NOW,
    SECOND,
    SETTINGS,
    WEIGHTS,
    files_of,
    flip,
    flip_unwritten,
    objects_of,
    refusal,
    take,
)
from trainers.manifest import sha256_file


def stored(home, backup):
    return {file.name: file for file in backups.home_repository(home).files(backup.name, backup.manifest)}


def test_a_backup_holds_models_data_and_config(desk, database):
    backup = take(desk, database)
    models = {"AAPL/cloner/v1", "AAPL/cloner/v2", *(f"AAPL/cloner/v{n}" for n in (4, 5, 6)), "BTC-USD/cloner/v1"}
    assert backup.name == "backup_20260105_030405"
    assert set(stored(desk, backup)) == {
        "training_config.json",
        "desk.id",
        *DATA,
        *(f"models/{name}/{file}" for name in models for file in ("manifest.json", "weights.safetensors")),
    }
    assert set(backup.manifest.champions) == {"models/AAPL/cloner/v2", "models/BTC-USD/cloner/v1"}
    assert backup.files == 2 + len(DATA) + 2 * len(models)
    assert backups.verify(backups.home_repository(desk), backup.name) == backup


def test_the_token_links_and_hidden_files_stay_out(desk, database):
    desk.token.write_text("a secret token")
    desk.expert_logs.joinpath("link.csv").symlink_to("/etc/passwd")
    desk.expert_logs.joinpath(".unfinished-1.csv").write_text("half")
    backup = take(desk, database)
    assert not {name for name in stored(desk, backup) if "link" in name or "unfinished" in name or "token" in name}
    assert not [path for path in objects_of(desk) if b"a secret token" in path.read_bytes()]


def test_a_backup_can_be_read_by_its_owner_alone(desk, database):
    backup = take(desk, database)
    places = [*objects_of(desk), *(desk.models / backup.name).iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in places} == {0o600}
    assert {stat.S_IMODE(path.parent.stat().st_mode) for path in places} == {0o700}


def test_a_backup_shares_no_inode_with_what_it_protects(desk, database):
    take(desk, database)
    assert {path.stat().st_nlink for path in objects_of(desk)} == {1}


@pytest.mark.parametrize("name", ["old\\AAPL.csv", "line\nbreak.csv", "latin-1 \udce9.csv"])
def test_a_file_name_that_no_backup_can_hold_is_left_out_and_told(desk, database, name):
    (desk.expert_logs / name).write_bytes(b"date,action\n")
    backup = take(desk, database)
    assert backup.left_out == (repr(f"data/experts/{name}"),)
    assert set(DATA) <= set(stored(desk, backup))


def test_what_has_not_changed_is_stored_once(desk, database):
    take(desk, database)
    before = {path.name: path.stat() for path in objects_of(desk)}
    second = take(desk, database, SECOND)
    assert {path.name for path in objects_of(desk)} == before.keys()
    assert stored(desk, second)[WEIGHTS].sha256 in before
    desk.expert_logs.joinpath("AAPL.csv").write_bytes(b"date,action\n")
    take(desk, database, 2 * SECOND)
    assert len(objects_of(desk)) == len(before) + 2  # the log, and the list of its folder


def test_damage_in_an_earlier_backup_is_mended_by_the_next(desk, database):
    first = take(desk, database)
    for path in objects_of(desk):
        flip(path)
    second = take(desk, database, SECOND)
    for backup in (first, second):
        assert backups.verify(backups.home_repository(desk), backup.name) == backup


def test_an_unreadable_earlier_manifest_is_no_hindrance(desk, database):
    first = take(desk, database)
    (desk.models / first.name / "manifest.json").write_text("{")
    assert take(desk, database, SECOND)


def test_a_second_backup_in_the_same_second_is_refused_and_the_first_stays(desk, database):
    first = take(desk, database)
    before = files_of(desk.models)
    assert refusal(take, desk, database).code == "backup.exists"
    assert files_of(desk.models) == before
    assert backups.verify(backups.home_repository(desk), first.name) == first


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_damaged_model_is_named_and_there_is_no_backup_of_it(desk, database, damage):
    weights = desk.root / WEIGHTS
    if damage == "changed":
        flip(weights)
    else:
        weights.unlink()
    error = refusal(take, desk, database)
    assert error.code in ("model.corrupt", "model.missing")
    assert "AAPL/cloner/v2" in error.message
    assert desk.backups == []


def test_every_flipped_bit_of_a_manifest_is_noticed(desk, database):
    backup = take(desk, database)
    repository, path = backups.home_repository(desk), desk.models / backup.name / "manifest.json"
    for bit in range(0, 8 * path.stat().st_size, 997):
        before = flip(path, bit)
        assert refusal(repository.manifest, backup.name).code in ("backup.damaged", "backup.first_format")
        path.write_bytes(before)
    assert repository.manifest(backup.name) == backup.manifest


def test_every_damaged_object_is_noticed_and_named(desk, database):
    backup = take(desk, database)
    repository = backups.home_repository(desk)
    for path in objects_of(desk):
        before = flip(path)
        error = refusal(backups.verify, repository, backup.name)
        assert (error.code, backup.name in error.message) == ("backup.damaged", True)
        path.write_bytes(before)
    path = next(path for path in objects_of(desk) if path.name == stored(desk, backup)[WEIGHTS].sha256)
    path.unlink()
    assert WEIGHTS in refusal(backups.verify, repository, backup.name).message


def test_a_manifest_of_a_later_format_is_refused(desk, database):
    backup = take(desk, database)
    path = desk.models / backup.name / "manifest.json"
    path.write_text(json.dumps({"format": 3}))
    assert refusal(backups.home_repository(desk).manifest, backup.name).code == "backup.damaged"


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


TRADES = "data/trades/0x6031/1_prices.json"


@pytest.mark.parametrize("name", sorted(DATA))
def test_a_bit_that_flipped_in_data_is_told_by_name_and_the_backup_holds_what_was_there(desk, database, name):
    first = take(desk, database)
    before = flip_unwritten(desk.root / name)
    for number in (1, 2):  # until it is mended, every backup holds what was there
        second = take(desk, database, number * SECOND)
        assert second.damaged == (name,)
        assert stored(desk, second)[name] == stored(desk, first)[name]
    source = backups.mend_file(desk, desk.root / name, backups.sources(desk, SETTINGS), NOW)
    assert source == f"{second.name} in the home"
    assert (desk.root / name).read_bytes() == before
    assert take(desk, database, 3 * SECOND).damaged == ()


def test_what_was_written_since_the_backup_is_not_mended_over(desk, database):
    take(desk, database)
    flip_unwritten(desk.root / TRADES)
    damaged = take(desk, database, SECOND).damaged
    assert backups.unwritten(desk, damaged) == [desk.root / TRADES]
    (desk.root / TRADES).write_bytes(b"{}")
    assert backups.unwritten(desk, damaged) == backups.unwritten(desk, ["data/gone"]) == []


def test_what_somebody_has_written_is_a_change_and_no_damage(desk, database):
    take(desk, database)
    flip(desk.root / TRADES)
    replaced = desk.expert_logs / "AAPL.csv"
    content = replaced.read_bytes()
    replaced.with_name("new").write_bytes(bytes(reversed(content)))
    shutil.copystat(replaced, replaced.with_name("new"))
    replaced.with_name("new").replace(replaced)  # with the times of the old one, but it is another file
    second = take(desk, database, SECOND)
    assert second.damaged == ()
    for name in (TRADES, "data/experts/AAPL.csv"):
        assert stored(desk, second)[name].sha256 == sha256_file(desk.root / name)


def test_a_flipped_bit_without_a_whole_copy_is_backed_up_as_it_is(desk, database):
    first = take(desk, database)
    copy = stored(desk, first)[TRADES].sha256
    flip(next(path for path in objects_of(desk) if path.name == copy))
    flip_unwritten(desk.root / TRADES)
    second = take(desk, database, SECOND)
    assert second.damaged == ()
    assert stored(desk, second)[TRADES].sha256 == sha256_file(desk.root / TRADES)


@pytest.mark.parametrize("torn", [b"", b"[]", b'{"desk.id": [1]}'])
def test_a_torn_note_of_what_files_were_costs_nothing_but_the_comparison(desk, database, torn):
    take(desk, database)
    desk.file_states.write_bytes(torn)
    assert take(desk, database, SECOND).damaged == ()
