"""A full disk, a kill, a damaged or lost disk: backups stay whole, and bring back what was lost."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config import Settings
from config.paths import Home
from config.publish import remove_unfinished
from config.settings import JOBS
from daemon import backups
from daemon.store import runs, servings, versions
from daemon.store.database import Database
from daemon.store.dump import dump
from tests.support.desks.backed_up_home import drop_database, files_of, flip, objects_of, refusal
from tests.support.desks.old_homes import old_home
from tests.support.desks.running_desk import RunningDesk
from tests.support.faults.kills import kill_midway
from tests.support.models.model_folders import record_model, write_model

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 1, 5, 3, 4, 5, tzinfo=UTC)
LATER = NOW + timedelta(days=3650)
LARGE = 3_000_000
BACKUPS = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from config import Home, Settings
from daemon import backups
from daemon.store.database import Database

home = Home(Path(sys.argv[1]))
database, now = Database.open(home.database), datetime.fromisoformat(sys.argv[2])
take, prune = backups.take, backups.prune  # imported now, so that a kill hits their work
print("ready", flush=True)
while True:
    now += timedelta(seconds=1)
    (home.expert_logs / "AAPL.csv").write_text(now.isoformat() * 1000)
    take(home, database, now, Settings())
    prune(backups.home_repository(home), 3)
"""
RESTORE = """
import sys
from pathlib import Path
from config import Home
from daemon import backups

repository, home = backups.home_repository(Home(Path(sys.argv[1]))), Home(Path(sys.argv[2]))
restore = backups.restore  # imported now, so that a kill hits its work
print("ready", flush=True)
restore(repository, home)
"""


@pytest.fixture
def desk(home):
    """A home whose champion is larger than its database."""
    home.expert_logs.mkdir(parents=True)
    with closing(Database.open(home.database)) as database:
        sha256 = write_model(home, "AAPL", "v1", LARGE)

        def serve(c):
            runs.request(c, "training", now=NOW, trigger="manual")
            version = record_model(c, "AAPL", "v1", sha256)
            assert servings.serve(c, "AAPL", "cloner", version.id, NOW, why="better", author="test")

        database.write(serve)
    return home


@pytest.fixture
def worked(tmp_path, monkeypatch) -> Home:
    """A home after two nights, whose jobs start by nobody's clock."""
    monkeypatch.setenv("HOME_0001_SECRET", "a secret of thirty-two characters")
    home = old_home(tmp_path / "home")
    for folder in home.backups:
        shutil.rmtree(folder)
    config = json.loads(home.config.read_text())
    home.config.write_text(json.dumps({**config, "jobs": {job: {"enabled": False} for job in JOBS}}))
    return home


@contextmanager
def no_file_may_grow_beyond(size):
    """What a full disk or a quota does: the write itself fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def unfinished(home):
    return list(home.root.rglob(".unfinished-*"))


def sound(home: Home) -> list[str]:
    """The backups of a home, every one of which must be whole."""
    repository = backups.home_repository(home)
    return [backups.verify(repository, name).name for name in repository.names()]


def nightdesk(home: Home, *words: str, expect: int = 0) -> Any:
    """What the command answers, as JSON."""
    command = [sys.executable, "-m", "daemon.cli", "--home", str(home.root), "--json", *words]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == expect, done.stderr
    return json.loads(done.stdout or done.stderr)


@pytest.mark.parametrize("room", [200, LARGE // 2], ids=["in the database", "in a model"])
def test_a_disk_that_fills_up_leaves_no_half_backup(desk, room):
    with closing(Database.open(desk.database)) as database:
        with no_file_may_grow_beyond(room):
            error = refusal(backups.take, desk, database, NOW, Settings())
        assert error.cure
        assert desk.backups == []
        assert unfinished(desk) == []
        assert backups.take(desk, database, NOW, Settings())
    assert sound(desk)


def test_a_restore_onto_a_full_disk_leaves_no_desk_behind_and_can_be_repeated(desk, tmp_path):
    with closing(Database.open(desk.database)) as database:
        backups.take(desk, database, NOW, Settings())
    new, repository = Home(tmp_path / "new"), backups.home_repository(desk)
    with no_file_may_grow_beyond(LARGE // 2):
        assert refusal(backups.restore, repository, new).code == "restore.not_written"
    assert not new.database.exists()
    assert unfinished(new) == []
    assert backups.restore(repository, new).differs == {}


def test_a_killed_backup_is_never_taken_for_one(desk):
    for kill in range(5):
        start = NOW + timedelta(hours=kill)
        assert kill_midway(BACKUPS, desk.root, start.isoformat(), within=0.5, seed=kill)
        sound(desk)
    with closing(Database.open(desk.database)) as database:
        backups.take(desk, database, LATER, Settings())
    backups.prune(backups.home_repository(desk), 1)
    assert sound(desk) == [desk.backup(LATER).name]
    remove_unfinished(desk.root, LATER)
    assert unfinished(desk) == []


def test_a_killed_restore_is_no_desk_and_its_repetition_brings_everything_back(desk, tmp_path):
    for number in range(60):
        (desk.expert_logs / f"S{number}.csv").write_text(f"{number}\n" * 2000)
    with closing(Database.open(desk.database)) as database:
        backup = backups.take(desk, database, NOW, Settings())
        expected = database.read(dump)
    new = Home(tmp_path / "new")
    cut_off = [kill_midway(RESTORE, desk.root, new.root, within=0.2, seed=seed) for seed in range(4)]
    assert any(cut_off)
    if new.restoring.exists():
        error = nightdesk(new, "run-once", "maintenance", expect=1)["error"]
        assert error["code"] == "restore.unfinished"
    if (
        new.restoring.exists() or not new.database.exists()
    ):  # on a busy machine every kill may come before its first file
        restored = backups.restore(backups.home_repository(desk), new)
        assert (restored.files, restored.differs) == (backup.files, {})
    assert files_of(new.expert_logs) == files_of(desk.expert_logs)
    with closing(Database.open(new.database)) as database:
        assert database.read(dump) == expected
    assert not new.restoring.exists()


def test_backups_of_an_emptied_database_never_drive_out_the_last_that_knows_the_champions(worked: Home):
    """Row 27 of the fault table, the half of backups."""
    config = json.loads(worked.config.read_text())
    worked.config.write_text(json.dumps({**config, "retention": {"backups": 2}}))
    nightdesk(worked, "backup")
    with closing(Database.open(worked.database)) as database:
        champions = {(each.subject, each.version) for each in database.read(versions.champions)}
    assert champions
    aside = worked.root / "backups-out-of-reach-of-the-start"
    for _ in range(3):  # a database begun anew: the start must not see the backups, or it restores them
        drop_database(worked)
        worked.models.joinpath("AAPL").rename(aside) if not aside.exists() else None
        with closing(Database.open(worked.database)) as reborn:
            now = datetime.now(UTC) + timedelta(seconds=1)
            reborn.write(lambda c, now=now: runs.request(c, "backup", now=now, trigger="manual"))
            taken = now.replace(microsecond=0) + timedelta(seconds=len(worked.backups))
            backups.take(worked, reborn, taken, Settings())
        backups.prune(backups.home_repository(worked), 2)
    drop_database(worked)
    repository = backups.home_repository(worked)
    knowing = [name for name in repository.names() if repository.manifest(name).champions]
    assert len(knowing) == 1
    new = Home(worked.root.parent / "new")
    backups.restore(repository, new, knowing[0])
    with closing(Database.open(new.database)) as database:
        assert {(each.subject, each.version) for each in database.read(versions.champions)} == champions


def test_files_torn_by_a_power_loss_are_mended_when_the_desk_starts(worked: Home):
    """Row 29 of the fault table: 0-byte and torn files, one bit flipped in a champion, in bars and in a backup."""
    nightdesk(worked, "run-once", "data")
    nightdesk(worked, "backup")
    weights = sorted(worked.models.glob("*/behavioral_cloner/20261130_150251_026537/*.safetensors"))
    bars = worked.bars("sample", "AAPL", "1d")
    before = {path: path.read_bytes() for path in (*weights, bars)}
    weights[0].write_bytes(b"")
    flip(weights[-1])
    bars.write_bytes(b"")
    with RunningDesk(worked) as running:
        running.wait_for(lambda: running.get("/status"))
        assert {path: path.read_bytes() for path in before} == before
        told = {alert["rule"]: alert["message"] for alert in running.get("/alerts")["items"]}
        assert "fetched again from the backups in the home" in told["model.damaged"]
        assert "restored from backup_" in told["data.damaged"]
        flip(bars)
        taken = running.post("/jobs/backup/run")
        running.wait_for(lambda: running.get(f"/runs/{taken['id']}")["finished_at"])
        assert running.get(f"/runs/{taken['id']}")["detail"]["mended"] == [worked.relative(bars)]
        assert bars.read_bytes() == before[bars]
        assert running.terminate() == 0
    for path in objects_of(worked):
        if path.stat().st_size:
            flip(path)
    nightdesk(worked, "backup")
    name = worked.backups[-1].name
    assert backups.verify(backups.home_repository(worked), name).name == name


def test_a_lost_disk_comes_back_by_one_command_and_signals_go_on(worked: Home, tmp_path: Path):
    """Row 30 of the fault table."""
    nightdesk(worked, "run-once", "data")
    place = tmp_path / "usb"
    assert nightdesk(worked, "backup", "--to", str(place))["copied"]["objects"] > 10
    with closing(Database.open(worked.database)) as database:
        expected = database.read(dump).tables
    bars = files_of(worked.bars_root)
    shutil.rmtree(worked.root)
    answer = nightdesk(worked, "restore", str(place))
    assert (answer["verified"], answer["differs"]) == (True, {})
    assert nightdesk(worked, "restore", str(place), expect=1)["error"]["code"] == "restore.not_empty"
    with closing(Database.open(worked.database)) as database:
        restored = database.read(dump).tables
    assert {name: blocks for name, blocks in restored.items() if name not in ("runs", "backups", "outbox")} == {
        name: blocks for name, blocks in expected.items() if name not in ("runs", "backups", "outbox")
    }
    assert files_of(worked.bars_root) == bars
    assert nightdesk(worked, "run-once", "signals")["runs"][0]["state"] == "succeeded"


def test_a_restore_names_what_differs_and_ends_2(worked: Home, tmp_path: Path):
    nightdesk(worked, "backup")
    repository, name = backups.home_repository(worked), worked.backups[-1].name
    files = repository.files(name, repository.manifest(name))
    golden = next(file for file in files if file.name.endswith("golden.safetensors"))
    flip(next(path for path in objects_of(worked) if path.name == golden.sha256))
    answer = nightdesk(Home(tmp_path / "new"), "restore", str(worked.root), expect=2)
    assert golden.name in answer["differs"]
    assert not answer["verified"]
