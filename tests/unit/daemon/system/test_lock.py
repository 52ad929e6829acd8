"""The lock of a home: one holder, told by name, gone with its process."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from config.errors import LockedError, NightdeskError
from config.paths import Home
from daemon.system.lock import HomeLock, holder

REPOSITORY = Path(__file__).parents[4]
HOLD = """
import sys, time
from pathlib import Path
from config.paths import Home
from daemon.system.lock import HomeLock
with HomeLock(Home(Path(sys.argv[1])), "desk"):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def another_holder(home: Home) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, str(home.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_the_holder_can_be_asked_for_by_its_process_its_purpose_and_its_address(home: Home) -> None:
    assert holder(home) is None
    with HomeLock(home, "desk") as lock:
        current = holder(home)
        assert current is not None
        assert (current.owner.pid, current.purpose, current.api) == (os.getpid(), "desk", None)
        lock.publish(api="http://127.0.0.1:8642")
        current = holder(home)
        assert current is not None
        assert (current.purpose, current.api) == ("desk", "http://127.0.0.1:8642")
    assert holder(home) is None


def test_a_holder_that_sees_another_boot_id_is_recognised_by_the_kernels_lock(home: Home) -> None:
    with another_holder(home) as first:
        written = json.loads(home.lock.read_bytes())
        written["owner"]["boot"] = "as in a service inside a container"
        home.lock.write_text(json.dumps(written))
        current = holder(home)
        assert current is not None
        assert current.owner.pid == first.pid
        first.kill()
        first.wait()
        assert holder(home) is None  # what the dead process wrote is still there
    assert home.lock.read_bytes()


def test_a_second_process_is_refused_with_the_pid_of_the_first(home: Home) -> None:
    with another_holder(home) as first, pytest.raises(LockedError) as refused:
        HomeLock(home, "run-once").__enter__()
    assert refused.value.exit_code == 75
    assert refused.value.code == "home.locked"
    assert refused.value.detail == {"pid": first.pid}
    assert f"process {first.pid} (desk, since " in refused.value.message


def test_the_same_process_cannot_hold_a_home_twice(home: Home) -> None:
    with HomeLock(home, "desk"):
        with pytest.raises(LockedError):
            HomeLock(home, "desk").__enter__()
        assert holder(home) is not None
    with HomeLock(home, "desk"):
        pass


def test_the_lock_of_a_killed_process_is_free_at_once(home: Home) -> None:
    with another_holder(home) as first:
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert holder(home) is None
        with HomeLock(home, "desk"):
            assert holder(home) is not None


def test_a_program_that_the_holder_started_does_not_keep_the_lock(home: Home) -> None:
    with HomeLock(home, "desk"):
        child = subprocess.Popen(["/bin/sleep", "60"], close_fds=False)
    try:
        assert child.poll() is None
        assert holder(home) is None
        with HomeLock(home, "desk"):
            assert holder(home) is not None
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize("words", [b"", b"{", b"[]", b'{"owner": 3}', b"\xff\xfe", b'{"owner": {"pid": 1}}'])
def test_a_lock_file_with_odd_words_is_still_a_lock(home: Home, words: bytes) -> None:
    home.lock.write_bytes(words)
    assert holder(home) is None
    with home.lock.open("rb") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)
        with pytest.raises(LockedError, match="held by another process"):
            HomeLock(home, "desk").__enter__()
    with HomeLock(home, "desk"):
        assert holder(home) is not None


def test_a_home_that_does_not_exist_is_made(tmp_path: Path) -> None:
    home = Home(tmp_path / "far" / "away")
    with HomeLock(home, "desk"):
        assert home.lock.is_file()


@pytest.mark.parametrize("root", ["file", "file/below"])
def test_a_home_that_is_a_file_is_refused(tmp_path: Path, root: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NightdeskError) as refused:
        HomeLock(Home(tmp_path / root), "desk").__enter__()
    assert refused.value.code == "home.not_a_folder"


def test_a_home_that_may_not_be_written_is_refused_with_a_cure() -> None:
    folder = Path(tempfile.mkdtemp())  # not tmp_path, whose parents only its owner may enter
    folder.chmod(0o555)
    was = os.geteuid()
    try:
        if was == 0:  # root may write anywhere
            os.seteuid(65534)
        for root in (folder, folder / "below"):
            with pytest.raises(NightdeskError) as refused:
                HomeLock(Home(root), "desk").__enter__()
            assert refused.value.code == "home.read_only"
            assert "--home" in refused.value.cure
    finally:
        os.seteuid(was)
        shutil.rmtree(folder)
