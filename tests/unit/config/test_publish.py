from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from config.publish import TEMP_PREFIX, publish_bytes, publishing, publishing_folder, remove_unfinished

KILLED = """
import os, signal, sys
from pathlib import Path
from config.publish import publishing
with publishing(Path(sys.argv[1])) as temp:
    temp.write_bytes(b"ne")
    os.kill(os.getpid(), signal.SIGKILL)
"""


class CrashError(Exception):
    pass


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@given(contents=st.lists(st.tuples(st.binary(), st.booleans()), min_size=1))
@hypothesis_settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_always_holds_the_last_content_that_was_published_whole(tmp_path, contents):
    path = tmp_path / "file"
    path.unlink(missing_ok=True)
    expected = None
    for content, crashes in contents:
        with suppress(CrashError), publishing(path) as temp:
            temp.write_bytes(content)
            if crashes:
                raise CrashError
        expected = expected if crashes else content
        assert (path.read_bytes() if path.exists() else None) == expected
    assert entries(tmp_path) == ([] if expected is None else ["file"])


def test_a_process_killed_in_the_middle_leaves_the_old_content_and_a_temp_that_is_known(tmp_path):
    path = tmp_path / "deep" / "file"
    publish_bytes(path, b"old")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert killed.returncode == -9
    assert path.read_bytes() == b"old"
    (temp_name,) = (name for name in entries(path.parent) if name != "file")
    assert temp_name.startswith(TEMP_PREFIX)
    killed_at = datetime.fromtimestamp((path.parent / temp_name).stat().st_mtime, UTC)
    assert remove_unfinished(tmp_path, before=killed_at - timedelta(hours=1)) == []
    assert [
        path_removed.name for path_removed in remove_unfinished(tmp_path, before=killed_at + timedelta(hours=1))
    ] == [temp_name]
    assert entries(path.parent) == ["file"]


def test_half_finished_work_is_found_at_any_depth_but_not_in_the_hidden_folders_of_others(tmp_path):
    mine, foreign = tmp_path / "models" / f"{TEMP_PREFIX}a", tmp_path / ".venv" / f"{TEMP_PREFIX}b"
    for folder in (mine, foreign):
        (folder / f"{TEMP_PREFIX}inside").mkdir(parents=True)
    assert remove_unfinished(tmp_path, before=datetime.now(UTC) + timedelta(hours=1)) == [mine]
    assert not mine.exists()
    assert foreign.exists()


@pytest.mark.parametrize("failing", [0, 1], ids=["the file", "the folder"])
def test_a_failing_fsync_is_an_error_and_never_a_torn_file(tmp_path, monkeypatch, failing):
    path = tmp_path / "file"
    publish_bytes(path, b"old")
    calls = iter(range(10))

    def fsync(_handle: int) -> None:
        if next(calls) == failing:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="Input/output error"):
        publish_bytes(path, b"new")
    assert path.read_bytes() in ((b"old",) if failing == 0 else (b"old", b"new"))
    assert entries(tmp_path) == ["file"]


def test_the_file_is_synced_before_it_is_renamed_and_its_folder_after(tmp_path, monkeypatch):
    path, steps = tmp_path / "file", []
    replace = Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: steps.append(str(Path(f"/proc/self/fd/{handle}").readlink())))
    monkeypatch.setattr(Path, "replace", lambda self, target: (steps.append("rename"), replace(self, target))[1])
    publish_bytes(path, b"x")
    assert TEMP_PREFIX in steps[0]
    assert steps[1:] == ["rename", str(tmp_path)]


def test_a_folder_is_published_whole(tmp_path):
    target = tmp_path / "models" / "v1"
    with publishing_folder(target) as temp:
        (temp / "sub").mkdir()
        (temp / "sub" / "weights").write_bytes(b"w")
        (temp / "manifest.json").write_text("{}")
        assert not target.exists()
    assert entries(target) == ["manifest.json", "sub"]
    assert entries(target.parent) == ["v1"]


def test_a_folder_whose_maker_fails_never_appears(tmp_path):
    with suppress(CrashError), publishing_folder(tmp_path / "v1") as temp:
        (temp / "weights").write_bytes(b"half")
        raise CrashError
    assert entries(tmp_path) == []


def test_a_published_folder_is_never_replaced(tmp_path):
    with publishing_folder(tmp_path / "v1") as temp:
        (temp / "weights").write_bytes(b"first")
    with pytest.raises(OSError), publishing_folder(tmp_path / "v1") as temp:  # noqa: PT011 -- ENOTEMPTY or EEXIST
        (temp / "weights").write_bytes(b"second")
    assert (tmp_path / "v1" / "weights").read_bytes() == b"first"
    assert entries(tmp_path) == ["v1"]


@pytest.mark.parametrize(("umask", "file", "folder"), [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700)])
def test_what_is_published_can_be_read_by_whom_the_umask_lets(tmp_path, umask, file, folder):
    before = os.umask(umask)
    try:
        publish_bytes(tmp_path / "file", b"x")
        with publishing_folder(tmp_path / "folder"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == file
    assert (tmp_path / "folder").stat().st_mode & 0o777 == folder
