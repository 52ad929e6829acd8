"""Which backups go, and that nothing goes with them that another backup needs."""

from __future__ import annotations

from contextlib import closing

import pytest

from daemon import backups
from daemon.store import runs, servings, versions
from daemon.store.database import Database
from tests.support.desks.backed_up_home import (
    NOW,
    SECOND,
    drop_database,
    flip,
    make,
    objects_of,
    take,
)


@pytest.fixture
def repository(desk):
    return backups.home_repository(desk)


def taken(desk, database, count):
    return [take(desk, database, number * SECOND).name for number in range(count)]


def test_the_newest_stay(desk, database, repository):
    names = taken(desk, database, 4)
    assert backups.prune(repository, 2) == [names[1], names[0]]
    assert [folder.name for folder in desk.backups] == names[2:] == repository.names()
    assert not [path for path in desk.models.iterdir() if path.name in names[:2]]
    assert backups.prune(repository, 2) == []


def test_objects_go_with_the_last_backup_that_names_them(desk, database, repository):
    first = take(desk, database)
    alone = set(first.manifest.lists.values())
    desk.expert_logs.joinpath("AAPL.csv").write_bytes(b"newer")
    second = take(desk, database, SECOND)
    alone -= set(second.manifest.lists.values())
    assert alone < {path.name for path in objects_of(desk)}
    backups.prune(repository, 1)
    assert not alone & {path.name for path in objects_of(desk)}
    assert backups.verify(repository, second.name) == second


def test_objects_of_a_backup_that_was_cut_off_go(desk, database, repository):
    stray = repository.write(b"uploaded by a backup that never got its manifest")
    names = taken(desk, database, 2)
    backups.prune(repository, 1)
    assert stray not in repository.objects()
    backups.verify(repository, names[1])


def test_nothing_is_collected_while_the_files_of_a_backup_cannot_be_told(desk, database, repository):
    stray = repository.write(b"perhaps of the damaged backup")
    names = taken(desk, database, 3)
    flip(desk.models / names[2] / "manifest.json")
    assert backups.prune(repository, 1) == [names[0]]
    assert stray in repository.objects()


def test_damaged_backups_do_not_count_among_the_newest(desk, database, repository):
    names = taken(desk, database, 4)
    for name in (names[1], names[3]):
        flip(desk.models / name / "manifest.json")
    assert backups.prune(repository, 1) == [names[1], names[0]]
    assert repository.names() == names[2:]


def test_backups_whose_lists_of_files_cannot_be_read_do_not_count_among_the_newest(desk, database, repository):
    names = taken(desk, database, 1)
    for number in (1, 2):
        (desk.expert_logs / "AAPL.csv").write_bytes(b"%d" % number)
        backup = take(desk, database, number * SECOND)
        damaged = backup.manifest.lists["data/experts"]
        flip(next(path for path in objects_of(desk) if path.name == damaged))
    assert backups.prune(backups.home_repository(desk), 1) == []
    assert names[0] in repository.names()


def test_a_backup_stays_while_it_alone_knows_a_champion(desk, database, repository):
    names = taken(desk, database, 1)
    with closing(Database.open(desk.root / "of_an_older_snapshot.sqlite3")) as older:
        run = database.read(lambda c: runs.get(c, 1))
        older.write(lambda c: runs.request(c, "training", now=run.recorded_at, trigger="manual"))
        make(desk, older, "AAPL", "v0", serve=True)
        names += [take(desk, older, number * SECOND).name for number in range(1, 4)]
    assert backups.prune(repository, 2) == [names[1]]
    assert repository.names() == [names[0], *names[2:]]


def test_a_database_begun_anew_never_drives_out_what_the_one_before_knew(desk, database, repository):
    names = taken(desk, database, 2)
    database.close()
    drop_database(desk)
    with closing(Database.open(desk.database)) as reborn:
        reborn.write(lambda c: runs.request(c, "training", now=NOW + SECOND, trigger="first_night"))
        names += [take(desk, reborn, number * SECOND).name for number in range(2, 6)]
    assert backups.prune(repository, 2) == [names[3], names[2], names[0]]
    assert names[1] in repository.names()


def test_a_champion_that_newer_backups_know_as_retired_holds_no_backup_back(desk, database, repository):
    names = taken(desk, database, 1)
    newer = database.read(lambda c: versions.find(c, "AAPL", "cloner", "v6"))
    assert database.write(lambda c: servings.serve(c, "AAPL", "cloner", newer.id, NOW, why="better", author="test"))
    names.append(take(desk, database, SECOND).name)
    assert backups.prune(repository, 1) == [names[0]]
