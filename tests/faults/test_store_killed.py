"""SIGKILL in the middle of writes: what was committed is there, what was not left nothing behind."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from daemon.domain.runs import TERMINAL
from daemon.store import runs
from daemon.store.database import Database, check

# Ends run after run, each bringing the next, and tells every commit after it is made.
_WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from daemon.domain.runs import Owner
from daemon.store import runs, tasks
from daemon.store.database import Database

def end(c, run):
    runs.claim(c, run.id, me, now)
    task = tasks.add(c, run.id, "train")
    tasks.start(c, task.id, now)
    return runs.finish(c, run.id, "cancelled", now, cause="shutdown", attempts=1)

me, now = Owner.me(), datetime.now(UTC)
database = Database.open(Path(sys.argv[1]))
run = database.read(lambda c: runs.due(c, now))
run = run[0] if run else database.write(lambda c: runs.request(c, "training", now=now, trigger="manual"))
while True:
    run = database.write(lambda c: end(c, run))
    print(run.id, flush=True)
"""


@pytest.mark.parametrize("seed", range(4))
def test_a_kill_between_any_two_instructions_loses_nothing_and_leaves_nothing_half(tmp_path: Path, seed: int):
    path, told = tmp_path / "nightdesk.sqlite3", 0
    for delay in random.Random(seed).choices((0.005, 0.02, 0.06, 0.15), k=2):
        with subprocess.Popen([sys.executable, "-c", _WRITER, path], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            told = int(writer.stdout.readline())
            threading.Timer(delay, writer.kill).start()
            told = max([told, *(int(line) for line in writer.stdout if line.endswith("\n"))])
        database = Database.open(path)
        found = {run.id: run for run in database.read(lambda c: runs.page(c, limit=1_000_000))}
        database.snapshot(tmp_path / "copy.sqlite3")
        database.close()

        assert told in found, "a write that was told is there"
        newest = max(found)
        assert newest - told <= 1, "at most the last commit was not told any more"
        assert [run.state for run in found.values() if run.id != newest] == ["cancelled"] * (len(found) - 1)
        assert found[newest].state == "due"
        assert found[newest].state not in TERMINAL
        assert [found[run_id].parent_id for run_id in range(2, newest + 1)] == list(range(1, newest))
        check(tmp_path / "copy.sqlite3")
