"""Families of processes are killed whole, also those that never stay."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from daemon.executors.worker import processes

# A line of processes: each has one child, in a session of its own, and dies. It dies out by itself after a while.
LINE = """
import os, time
end = time.monotonic() + 10
while time.monotonic() < end:
    if os.fork():
        os._exit(0)
    os.setsid()
"""


def wait_for_birth(mark: str) -> None:
    end = time.monotonic() + 10
    while not processes.marked(mark):
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.mark.parametrize("number", range(6))
def test_nothing_is_left_of_a_line_of_processes_that_is_faster_than_a_look_at_all_processes(number: int):
    mark = f"line.{os.getpid()}.{number}:"
    environment = {**os.environ, processes.MARK: f"{mark}1"}
    lines = [subprocess.Popen([sys.executable, "-S", "-c", LINE], env=environment) for _ in range(2)]
    for line in lines:
        line.wait()
    wait_for_birth(mark)
    processes.kill_family(mark)
    looks = [processes.marked(mark) for _ in range(10)]  # one look alone may miss a member
    assert looks == [set()] * 10


def test_a_process_says_whether_it_is_stopped():
    with subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"]) as sleeper:
        found = processes.find(sleeper.pid)
        assert found is not None
        assert not found.stopped
        found.send(signal.SIGSTOP)
        os.waitpid(sleeper.pid, os.WUNTRACED)
        stopped = processes.find(sleeper.pid)
        assert stopped == found
        assert stopped.stopped
        found.send(signal.SIGKILL)
