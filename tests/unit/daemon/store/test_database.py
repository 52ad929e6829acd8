"""The embedded database as a file: damaged, full, read-only, copied while in use, opened across a fork."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from config.errors import ConfigError, NightdeskError
from daemon.domain.options import RunOptions
from daemon.store import runs
from daemon.store.database import Database, check, set_aside
from tests.support.desks.databases import DAY, NOON


@pytest.fixture
def path(tmp_path):
    return tmp_path / "home" / "nightdesk.sqlite3"


@pytest.fixture
def database(path):
    opened = Database.open(path)
    yield opened
    opened.close()


def _record(database: Database, days: int = 0) -> None:
    database.write(lambda c: runs.record(c, "backup", NOON + days * DAY, now=NOON, trigger="schedule"))


def _damage(path: Path) -> None:
    """Overwrite everything but the header's page, as a dying disk might."""
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))


def test_the_writer_keeps_what_it_promised(database):
    pragmas = {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 5000, "foreign_keys": 1}
    for pragma, value in pragmas.items():
        assert database.write(lambda c, pragma=pragma: c.execute(text(f"PRAGMA {pragma}")).scalar()) == value


def test_a_damaged_file_is_refused_then_set_aside_whole_and_a_new_one_takes_its_place(path, database):
    for days in range(50):
        _record(database, days)
    database.close()
    _damage(path)
    damaged = path.read_bytes()
    with pytest.raises(NightdeskError) as caught:
        Database.open(path)
    assert caught.value.code == "store.corrupt"

    aside = set_aside(path, NOON)
    assert aside.name == "nightdesk.sqlite3.corrupt-20260302T120000000000"
    assert aside.read_bytes() == damaged
    assert all(entry.name.startswith(aside.name) for entry in path.parent.iterdir())
    fresh = Database.open(path)
    assert not fresh.read(runs.any_run)
    fresh.close()


def test_a_file_that_is_no_database_is_refused(path):
    path.parent.mkdir()
    path.write_text("symbol,price\nAAPL,1\n" * 1000, encoding="utf-8")
    with pytest.raises(NightdeskError) as caught:
        Database.open(path)
    assert caught.value.code == "store.corrupt"


def test_the_log_of_a_damaged_database_goes_with_it(path):
    path.parent.mkdir()
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).write_bytes(suffix.encode())
    aside = set_aside(path, NOON)
    assert aside.with_name(aside.name + "-wal").read_bytes() == b"-wal"
    assert len(list(path.parent.iterdir())) == 3
    assert not path.exists()


def test_a_full_disk_loses_only_the_write_that_met_it_and_the_desk_recovers(database):
    _record(database)
    pages = database.write(lambda c: c.execute(text("PRAGMA page_count")).scalar())
    database.write(lambda c: c.execute(text(f"PRAGMA max_page_count = {pages}")))
    big = RunOptions(model_params={"ppo": {"notes": "A" * 100_000}})
    with pytest.raises(NightdeskError) as caught:
        database.write(lambda c: runs.request(c, "training", now=NOON, trigger="manual", options=big))
    assert caught.value.code == "store.disk_full"
    assert "Free space" in caught.value.cure
    assert database.problems(10.0) == ["store.disk_full"]
    assert len(database.read(runs.page)) == 1

    database.write(lambda c: c.execute(text("PRAGMA max_page_count = 100000")))
    database.write(lambda c: runs.request(c, "training", now=NOON, trigger="manual", options=big))
    assert database.problems(10.0) == []
    assert len(database.read(runs.page)) == 2


def test_a_domain_error_in_a_write_is_no_problem_of_the_database(database):
    def refuse(_: object) -> None:
        raise ConfigError("job.paused", "The job is paused.", "Resume it.")

    with pytest.raises(ConfigError):
        database.write(refuse)
    assert database.problems(10.0) == []


# Root may write everywhere, so a test that runs as root becomes nobody once everything is imported.
_OPEN = """
import os, sys
from pathlib import Path
from config.errors import NightdeskError
from daemon.store.database import Database
if os.geteuid() == 0:
    os.setuid(65534)
try:
    Database.open(Path(sys.argv[1]))
except NightdeskError as error:
    print(error.code, error, sep="|")
"""


def _open_as_a_stranger(path: Path) -> str:
    child = subprocess.run([sys.executable, "-c", _OPEN, path], capture_output=True, text=True, timeout=60, check=False)
    assert child.stderr == ""
    return child.stdout


@pytest.fixture
def read_only_home():
    """A home with a database that nobody may write, where strangers can see it: pytest keeps its folders to itself."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        Database.open(home / "nightdesk.sqlite3").close()
        (home / "nightdesk.sqlite3").chmod(0o444)
        home.chmod(0o555)
        yield home
        home.chmod(0o755)


@pytest.mark.parametrize("name", ["nightdesk.sqlite3", "new.sqlite3", "new/nightdesk.sqlite3"])
def test_a_home_that_cannot_be_written_is_named_with_a_cure(read_only_home, name):
    answer = _open_as_a_stranger(read_only_home / name)
    assert answer.startswith("home.read_only|The home cannot be written")
    assert "Make the folder writable" in answer


def test_a_second_writer_waits_and_then_names_the_lock_in_the_way(path, database, monkeypatch):
    monkeypatch.setattr("daemon.store.engines.BUSY_MS", 50)
    rival = Database.open(path)
    locked, release = threading.Event(), threading.Event()
    holder = threading.Thread(target=lambda: database.write(lambda _: (locked.set(), release.wait(10))))
    holder.start()
    assert locked.wait(10)
    with pytest.raises(NightdeskError) as caught:
        _record(rival)
    assert caught.value.code == "store.busy"
    release.set()
    holder.join()
    _record(rival)
    rival.close()


def test_a_damaged_file_does_not_pass_the_check(path, database):
    for days in range(200):
        _record(database, days)
    database.close()
    check(path)
    _damage(path)
    with pytest.raises(NightdeskError) as caught:
        check(path)
    assert caught.value.code == "store.corrupt"


def test_a_database_is_not_carried_across_a_fork(database, monkeypatch):
    monkeypatch.setattr("os.getpid", lambda: -1)
    for use in (database.read, database.write):
        with pytest.raises(RuntimeError, match="fork"):
            use(runs.any_run)


def test_tidying_folds_the_log_into_the_file(path, database):
    _record(database)
    log = path.with_name(path.name + "-wal")
    assert log.stat().st_size > 0
    database.tidy()
    assert log.stat().st_size == 0
    assert database.read(runs.any_run)


@pytest.mark.parametrize("url", ["mysql://host/desk", "sqlite:///desk.sqlite3"])
def test_a_url_of_another_kind_of_database_is_refused(url):
    with pytest.raises(ConfigError, match="database URL begins with") as caught:
        Database.open(url)
    assert "postgresql://" in caught.value.cure


def test_a_text_that_is_no_url_is_refused_and_not_shown():
    with pytest.raises(ConfigError, match="The database URL is no URL") as caught:
        Database.open("desk:hunter2@host/desk")
    assert "hunter2" not in str(caught.value.to_dict())


def test_without_the_driver_of_postgresql_the_extra_that_brings_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match="driver of PostgreSQL is not installed") as caught:
        Database.open("postgresql://desk@127.0.0.1:9/desk")
    assert "pip install 'nightdesk[postgres]'" in caught.value.cure


def test_a_server_that_does_not_answer_is_named_without_its_password():
    with pytest.raises(NightdeskError) as caught:
        Database.open("postgresql://desk:hunter2@127.0.0.1:9/desk")
    assert caught.value.code == "store.unreachable"
    assert "hunter2" not in str(caught.value)


def test_opening_needs_no_alembic_and_no_frames(path):
    code = (
        "import sys; from pathlib import Path\n"
        "from daemon.store.database import Database; import daemon.domain.schedule\n"
        f"Database.open(Path({str(path)!r})).close()\n"
        "print([name for name in ('alembic', 'numpy', 'pandas', 'sqlalchemy.orm') if name in sys.modules])"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert child.stdout.strip() == "[]"


def test_a_file_that_cannot_be_opened_for_want_of_descriptors_is_no_read_only_home(path):
    """SQLite says "unable to open database file" of both."""
    program = (
        "import resource, sys; from pathlib import Path; from daemon.store.database import Database\n"
        "database = Database.open(Path(sys.argv[1]))\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\n"
        "try: database.read(lambda c: None)\n"
        "except Exception as error: print(error.code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "exhausted.descriptors\n"
