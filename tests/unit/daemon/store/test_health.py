"""What the file of a database is found to be, by the error that reading it gives."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from daemon.store.database import Database
from daemon.store.faults import StoreError
from daemon.store.health import look_at_file


@contextmanager
def no_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_desk_that_ran_out_of_descriptors_has_not_lost_its_database(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "nightdesk.sqlite3")
    with no_descriptors():
        database.probe()
    assert "exhausted.descriptors" in database.problems(10)
    assert database.fatal is None
    database.probe()
    assert database.problems(10) == []
    database.close()


def test_a_disk_that_fails_to_read_the_file_has_not_lost_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "nightdesk.sqlite3"
    file.write_bytes(b"SQLite format 3\0")
    inode = file.stat().st_ino
    look_at_file(file, inode)

    def fail(*_: object) -> None:
        raise OSError(5, os.strerror(5))

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(StoreError) as caught:
        look_at_file(file, inode)
    assert caught.value.code == "store.disk_error"


def test_a_file_that_is_gone_or_was_replaced_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "nightdesk.sqlite3"
    file.write_bytes(b"SQLite format 3\0")
    inode = file.stat().st_ino
    file.rename(tmp_path / "moved")
    for replace in (lambda: None, file.mkdir):
        replace()
        with pytest.raises(StoreError) as caught:
            look_at_file(file, inode)
        assert caught.value.code == "store.missing"
