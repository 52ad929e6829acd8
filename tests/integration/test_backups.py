"""A desk that comes back from an S3 server, with its database in SQLite or on a PostgreSQL server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from config.paths import Home
from config.settings import BackupPlace
from daemon import backups
from daemon.store import versions
from daemon.store.database import Database
from daemon.store.dump import dump
from tests.support.desks.backed_up_home import DATA, NOW, SECOND, SETTINGS, WEIGHTS, files_of, fill, flip, refusal, take
from tests.support.desks.old_homes import old_home
from tests.support.servers.postgres import fresh_postgres_url
from tests.support.servers.s3 import KEY, KEY_ID, NAME, s3_server

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server():
    with s3_server() as running:
        yield running


@pytest.fixture(autouse=True)
def keys(monkeypatch, server):
    server.clear()
    monkeypatch.setenv("R2_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("R2_SECRET_ACCESS_KEY", KEY)
    monkeypatch.setenv("HOME_0001_SECRET", "a secret of thirty-two characters")


@pytest.fixture
def away(home, server):
    return backups.open_place(BackupPlace(url=server.url, bucket=NAME, prefix="desks/1"), home)


def nightdesk(home: Home, *words: str, expect: int = 0) -> Any:
    command = [sys.executable, "-m", "daemon.cli", "--home", str(home.root), "--json", *words]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == expect, done.stderr
    return json.loads(done.stdout or done.stderr)


@pytest.mark.slow
def test_a_whole_desk_is_restored_from_a_bucket_by_one_command(tmp_path, server):
    home, place = old_home(tmp_path / "old"), f"{server.url}/{NAME}/desks/1"
    config = json.loads(home.config.read_text())
    home.config.write_text(json.dumps({**config, "backup": {"to": [place]}}))
    run = nightdesk(home, "backup")["run"]
    (copied,) = run["detail"]["places"].values()
    assert copied["objects"] > 20
    again = nightdesk(home, "backup")["run"]
    (copied,) = again["detail"]["places"].values()
    assert copied["bytes"] < 100_000
    assert nightdesk(home, "run-once", "restore_drill")["runs"][0]["state"] == "succeeded"
    status = nightdesk(home, "status")["backups"]
    assert status["proven_for_the_home"]
    assert status["proven_for_its_loss"]
    bars = files_of(home.bars_root)
    shutil.rmtree(home.root)
    answer = nightdesk(home, "restore", place)
    assert (answer["backup"], answer["verified"]) == (again["detail"]["backup"], True)
    assert len(answer["champions"]) == 2
    assert files_of(home.bars_root) == bars
    assert nightdesk(home, "signals")["items"]


def test_objects_go_first_and_the_manifest_last_and_what_is_there_is_not_sent_again(home, away, server):
    with closing(Database.open(home.database)) as database:
        fill(home, database)
        backup = take(home, database)
    repository = backups.home_repository(home)
    first = backups.copy(repository, backup.name, away)
    puts = [request for request in server.requests if request.startswith("PUT")]
    assert puts[-1].endswith(f"/desks/1/{backup.name}/manifest.json")
    assert len(puts) == first.objects + 1
    away.delete(backup.name)
    server.requests.clear()
    assert backups.copy(repository, backup.name, away).objects == 0
    assert len([request for request in server.requests if request.startswith("PUT")]) == 1
    assert backups.verify(away, backup.name) == backup


def test_a_bucket_that_breaks_off_is_an_error_and_the_next_copy_goes_on(home, away, server):
    with closing(Database.open(home.database)) as database:
        fill(home, database)
        backup = take(home, database)
    repository = backups.home_repository(home)
    objects = sorted(repository.objects())
    server.misbehave(objects[5], 403)
    assert refusal(backups.copy, repository, backup.name, away).code == "r2.denied"
    assert away.names() == []
    server.wrong.clear()
    assert backups.copy(repository, backup.name, away).objects < len(objects)
    assert backups.verify(away, backup.name) == backup


def test_old_backups_and_their_objects_go_from_a_bucket_too(home, away):
    with closing(Database.open(home.database)) as database:
        fill(home, database)
        names = []
        for number in range(3):
            (home.expert_logs / "AAPL.csv").write_text(str(number))
            backup = backups.take(home, database, NOW + number * SECOND, SETTINGS)
            backups.copy(backups.home_repository(home), backup.name, away)
            names.append(backup.name)
    before = len(away.objects())
    assert backups.prune(away, 1) == [names[1], names[0]]
    assert away.names() == names[2:]
    assert len(away.objects()) < before
    assert backups.verify(away, names[2]).name == names[2]


def test_the_database_of_a_postgresql_desk_comes_back_into_an_empty_one_and_into_sqlite(home, tmp_path):
    with closing(Database.open(fresh_postgres_url())) as database:
        fill(home, database)
        take(home, database)
        expected = database.read(dump)
    repository, url = backups.home_repository(home), fresh_postgres_url()
    new = Home(tmp_path / "new")
    backups.restore(repository, new, postgresql=lambda: url)
    assert not new.database.exists()
    with closing(Database.open(url)) as database:
        assert database.read(dump) == expected
        assert len(database.read(versions.champions)) == 2
    assert (new.root / "data/experts/AAPL.csv").read_bytes() == DATA["data/experts/AAPL.csv"]
    error = refusal(backups.restore, repository, Home(tmp_path / "other"), postgresql=lambda: url)
    assert error.code == "restore.not_empty"
    alone = Home(tmp_path / "alone")
    backups.restore(repository, alone)
    with closing(Database.open(alone.database)) as database:
        assert database.read(dump) == expected


def test_a_champion_damaged_with_its_home_backups_is_mended_from_the_bucket(home, away, server):
    with closing(Database.open(home.database)) as database:
        fill(home, database)
        backup = take(home, database)
        backups.copy(backups.home_repository(home), backup.name, away)
        shutil.rmtree(home.models / "backup_objects")
        whole = flip(home.root / WEIGHTS)
        version = database.read(lambda c: versions.find(c, "AAPL", "cloner", "v2"))
    (mended,) = backups.mend_models(home, [version], [lambda: away])
    assert mended.mended_from == away.label
    assert (home.root / WEIGHTS).read_bytes() == whole
